import type { Stage } from "./stage.ts";

/** Days that AWS Backup keeps daily and monthly backups, where a stage protects its data; others have Aurora's own days. */
export const backupDays = { daily: 35, monthly: 365 } as const;

/** Staging's copy in the recovery region: 35 days until it expires, 30 more as a version that is not current. */
const copyDays = 35 + 30;

/** Days after which no backup or copy of a stage holds a readable byte of what was erased; certificates name that day. */
export function longestBackupDays({
  protects,
  replicates,
  database,
}: Pick<Stage, "protects" | "replicates" | "database">): number {
  return Math.max(protects ? backupDays.monthly : database.backupDays, replicates ? copyDays : 0);
}
