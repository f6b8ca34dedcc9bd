import { assumptions, lifecycle } from "./assumptions.ts";
import { breakEvenDays } from "./break-even.ts";
import { storageMinimums } from "./prices.ts";
import { movedUsd, readUsd, type StorageClass, storedUsdPerDay } from "./storage-class.ts";

/** How long a document is kept, and up to which age its cost is asked for. At its end a minimum duration falls due. */
export type Age = { ageDays: number; retentionDays: number };

/** Dollars that one artefact of the vault has cost up to an age: storage, moves, late reads. */
export function keptUsd(sizeBytes: number, { ageDays, retentionDays }: Age): number {
  const age = Math.min(ageDays, retentionDays);
  if (sizeBytes <= lifecycle.instantRetrievalOverBytes) return age * storedUsdPerDay("standard", sizeBytes);
  const ended = ageDays >= retentionDays;
  const movedOn = lifecycle.instantRetrievalAfterDays;
  const young = Math.min(age, movedOn) * storedUsdPerDay("standard", sizeBytes);
  if (age <= movedOn) return young;
  const archivedOn = movedOn + Math.max(0, assumptions.archiveAfterDays - movedOn);
  const share = paysToArchive(sizeBytes, retentionDays - archivedOn) ? assumptions.archivedShare : 0;
  const instant = stayUsd("instantRetrieval", sizeBytes, age - movedOn, ended);
  if (share === 0 || age <= archivedOn) return young + instant;
  const archived =
    stayUsd("instantRetrieval", sizeBytes, archivedOn - movedOn, true) +
    stayUsd("deepArchive", sizeBytes, age - archivedOn, ended);
  return young + (1 - share) * instant + share * archived;
}

/** Whether what is left of a retention is worth the move to Deep Archive. */
export function paysToArchive(sizeBytes: number, daysLeft: number): boolean {
  const days = breakEvenDays("deepArchive", sizeBytes, assumptions.lateReadsPerYear);
  return days !== null && days <= daysLeft;
}

function stayUsd(
  storageClass: Exclude<StorageClass, "standard">,
  sizeBytes: number,
  days: number,
  left: boolean,
): number {
  const billedDays = left ? Math.max(days, storageMinimums[storageClass].days) : days;
  const reads = days * (assumptions.lateReadsPerYear / 365) * readUsd(storageClass, sizeBytes);
  return movedUsd(storageClass) + billedDays * storedUsdPerDay(storageClass, sizeBytes) + reads;
}
