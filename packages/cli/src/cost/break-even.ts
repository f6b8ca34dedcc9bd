import { storageMinimums } from "./prices.ts";
import { movedUsd, readUsd, storedUsdPerDay } from "./storage-class.ts";

/** A move of the vault's lifecycle, named for where it goes: from Standard, or from Glacier Instant Retrieval. */
export type Move = "instantRetrieval" | "deepArchive";

const comesFrom = { instantRetrieval: "standard", deepArchive: "instantRetrieval" } as const;

/** Dollars that an object costs over `days`, left where it is. */
export function stayingUsd(move: Move, sizeBytes: number, days: number, readsPerYear: number): number {
  const from = comesFrom[move];
  return days * (storedUsdPerDay(from, sizeBytes) + (readsPerYear / 365) * readUsd(from, sizeBytes));
}

/** Dollars that an object costs over `days` from its move: the move, the minimum duration if it is deleted before, reads. */
export function movingUsd(move: Move, sizeBytes: number, days: number, readsPerYear: number): number {
  const billedDays = Math.max(days, storageMinimums[move].days);
  const reads = days * (readsPerYear / 365) * readUsd(move, sizeBytes);
  return movedUsd(move) + billedDays * storedUsdPerDay(move, sizeBytes) + reads;
}

/** The first whole day on which an object that was moved has cost no more than one that stayed; null: that day never comes. */
export function breakEvenDays(move: Move, sizeBytes: number, readsPerYear: number): number | null {
  const paysAfter = (days: number) =>
    movingUsd(move, sizeBytes, days, readsPerYear) <= stayingUsd(move, sizeBytes, days, readsPerYear);
  const minimum = storageMinimums[move].days;
  // Up to the minimum duration the price of moving is flat, afterwards it rises by the day.
  const stayRate =
    stayingUsd(move, sizeBytes, 1, readsPerYear) - (readsPerYear / 365) * readUsd(move, sizeBytes);
  const early = (movedUsd(move) + minimum * storedUsdPerDay(move, sizeBytes)) / stayRate;
  const late = movedUsd(move) / (stayRate - storedUsdPerDay(move, sizeBytes));
  const exact = early > 0 && early <= minimum ? early : late;
  if (!(exact > 0) || !Number.isFinite(exact)) return null;
  const day = Math.ceil(exact);
  // The quotient may be one rounding off the sums that are compared.
  if (paysAfter(day - 1)) return day - 1;
  return paysAfter(day) ? day : day + 1;
}
