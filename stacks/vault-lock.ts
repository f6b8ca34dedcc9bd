import { Duration } from "aws-cdk-lib/core";

/**
 * Compliance mode: from the fourth day nobody, AWS included, takes the lock away or has a backup end sooner. Three days are
 * the least that AWS takes; in them the lock can still be undone (docs/deploy.md, Tear down).
 */
export const vaultLock = {
  minRetention: Duration.days(7),
  maxRetention: Duration.days(366),
  changeableFor: Duration.days(3),
};
