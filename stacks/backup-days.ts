import type { Stage } from "./stage.ts";

/** Days that backups are kept: daily ones, and monthly ones where a stage protects its data. */
export const backupDays = { daily: 35, monthly: 365 } as const;

/** Staging's copy in the recovery region: 35 days until it expires, 30 more as a version that is not current. */
const copyDays = 35 + 30;

/** Days after which no backup or copy of a stage holds a readable byte of what was erased; certificates name that day. */
export function longestBackupDays(stage: Pick<Stage, "protects" | "replicates">): number {
  return Math.max(stage.protects ? backupDays.monthly : backupDays.daily, stage.replicates ? copyDays : 0);
}
