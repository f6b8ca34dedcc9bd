import { assumptions } from "./assumptions.ts";
import { type Charge, charge, type Load, overArtefacts } from "./charge.ts";
import { daysPerMonth, gigabyte, prices, storageMinimums } from "./prices.ts";
import { keptBytesUsd } from "./storage-charges.ts";

const service = "AWS Backup";

/** Snapshots of database and vault, here and copied to the recovery region. */
export function backupCharges(load: Load): Charge[] {
  const { stage } = load;
  const database = charge(service, "database", {
    keptUsd: ({ ageDays, retentionDays }) => databaseUsd(load, Math.min(ageDays, retentionDays)),
  });
  if (!stage.backup.hasVault) return [database];
  const regions = stage.replicates ? 2 : 1;
  // Snapshots of S3 add only what is new: each object lies once in each region, for as long as the vault has it.
  const billed = overArtefacts(load, ({ sizeBytes }) =>
    Math.max(sizeBytes, storageMinimums.backup.objectBytes),
  );
  const sentGb = stage.replicates ? overArtefacts(load, ({ sizeBytes }) => sizeBytes) / gigabyte : 0;
  const vault = charge(service, regions === 2 ? "vault, in two regions" : "vault", {
    documentUsd:
      (overArtefacts(load, () => 1) * prices.s3Get.usd) / 1_000 + sentGb * prices.betweenRegions.usd,
    keptUsd: ({ ageDays, retentionDays }) =>
      regions * keptBytesUsd(billed, prices.vaultBackup.usd, Math.min(ageDays, retentionDays)),
  });
  return [database, vault];
}

/**
 * Snapshots of Aurora within its own days of point-in-time recovery are free. Older ones, and every copy in another region,
 * are counted as full ones: the careful side.
 */
function databaseUsd({ stage }: Load, days: number): number {
  const { dailyDays, monthlyDays } = stage.backup;
  const monthlies = monthlyDays / daysPerMonth;
  const freeMonthlies = Math.min(monthlies, stage.database.backupDays / daysPerMonth);
  const here = Math.max(0, dailyDays - stage.database.backupDays) + monthlies - freeMonthlies;
  const far = stage.replicates ? dailyDays + monthlies : 0;
  const perMonth = (dailyDays > 0 ? daysPerMonth : 0) + (monthlyDays > 0 ? 1 : 0);
  const sentPerMonth = stage.replicates ? perMonth : 0;
  const perGbMonth = (here + far) * prices.auroraBackup.usd + sentPerMonth * prices.betweenRegions.usd;
  return keptBytesUsd(assumptions.databaseBytesPerDocument, perGbMonth, days);
}
