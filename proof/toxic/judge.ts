import type { Seen, ToxicResult } from "./run.ts";
import type { LookedAt } from "./send-through-system.ts";
import { families, type Family } from "./toxic-file.ts";

/** Limits of promise P7, for a run of any size; `falseShare` is of real files, which may be what their name does not say. */
export const limits = { peakBytes: 400_000_000, slowdown: 2, falseShare: 0.01 } as const;

/** Ends that a file comes to only when two children died over it; after the second none is started any more. */
const givenUp: ReadonlySet<string> = new Set(["no_preview timed_out", "no_preview decoder_crashed"]);

/** Children that a file cost: each that died, and the one that came to an end, if it was not given up. */
export const childrenOf = (end: string, died: number): number => died + (givenUp.has(end) ? 0 : 1);

/** Counts of one family. */
export type FamilyRow = {
  family: string;
  files: number;
  ends: Record<string, number>;
  misses: number;
  worstMs: number;
  mostChildren: number;
};

/** A run in figures, and all that was against a limit or an oracle. */
export type Judgement = {
  rows: FamilyRow[];
  /** Files and lies, each counted once. */
  toxicFiles: number;
  /** The same, counted as often as they were sent. */
  toxicSent: number;
  /** Children that one of them cost at most. */
  mostChildren: number;
  honest: {
    documents: number;
    lost: number;
    baseline: number;
    p99Ms: number;
    baselineP99Ms: number;
    medianMs: number;
    baselineMedianMs: number;
    slowdown: number;
  };
  /** Of the processor, in megabytes of 10^6 bytes, its children not counted. */
  peakMb: number;
  misses: string[];
};

/** Holds what was seen against the oracles and the limits; something of each of these families must have been sent. */
export function judge(seen: Seen, wanted: readonly Family[] = families): Judgement {
  const honest = [...seen.honest, ...seen.baseline];
  const lost = honest.filter((sent) => sent.end !== "stored" || sent.misses.length > 0);
  const [during, alone] = [times(seen.honest), times(seen.baseline)];
  const slowdown = quantile(during, 0.99) / quantile(alone, 0.99);
  const rows = families.map((family) => rowOf(family, seen.toxic)).filter(({ files }) => files > 0);
  const misses = [
    ...wanted
      .filter((family) => !rows.some((row) => row.family === family))
      .map((family) => `nothing was sent of the family ${family}`),
    ...seen.toxic.flatMap(({ family, kind, misses: found }) =>
      found.map((miss) => `${family}: ${kind} ${miss}`),
    ),
    ...seen.toxic.flatMap(({ kind, end, children }) =>
      givenUp.has(end) && children < 2 ? [`${kind} ended “${end}”, and no log tells of two children`] : [],
    ),
    ...[
      ...new Set(
        lost.map(({ end, misses: found }) => `an honest document ended “${end}” ${found.join(", ")}`),
      ),
    ],
    ...(seen.crashedHonest > 0
      ? [`${seen.crashedHonest} honest documents cost a decode child its life`]
      : []),
    ...seen.dead,
    ...(seen.peakBytes > 0 && seen.peakBytes < limits.peakBytes
      ? []
      : [`the processor took ${megabytes(seen.peakBytes)} MB`]),
    ...(slowdown <= limits.slowdown
      ? []
      : [`honest documents were ${slowdown.toFixed(2)} times as slow (p99)`]),
  ];
  return {
    rows,
    toxicFiles: new Set(seen.toxic.map(({ kind }) => kind)).size,
    toxicSent: seen.toxic.length,
    mostChildren: Math.max(0, ...rows.map(({ mostChildren }) => mostChildren)),
    honest: {
      documents: honest.length,
      lost: lost.length,
      baseline: seen.baseline.length,
      p99Ms: quantile(during, 0.99),
      baselineP99Ms: quantile(alone, 0.99),
      medianMs: quantile(during, 0.5),
      baselineMedianMs: quantile(alone, 0.5),
      slowdown: Math.round(slowdown * 100) / 100,
    },
    peakMb: megabytes(seen.peakBytes),
    misses: [...new Set(misses)],
  };
}

function rowOf(family: string, all: readonly ToxicResult[]): FamilyRow {
  const results = all.filter((one) => one.family === family);
  const ends: Record<string, number> = {};
  for (const { end } of results) ends[end] = (ends[end] ?? 0) + 1;
  return {
    family,
    files: results.length,
    ends,
    misses: results.filter(({ misses }) => misses.length > 0).length,
    worstMs: Math.max(0, ...results.map(({ tookMs }) => tookMs ?? 0)),
    mostChildren: Math.max(0, ...results.map(({ children }) => children)),
  };
}

const megabytes = (bytes: number): number => Math.round(bytes / 1e6);

const times = (sent: readonly LookedAt[]): number[] =>
  sent.flatMap(({ tookMs }) => tookMs ?? []).toSorted((a, b) => a - b);

/** The value below which this share of the sorted ones lies. */
function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

/** The judgement as a person reads it. */
export function describe({ rows, honest, misses, ...all }: Judgement): string {
  const table = rows.map(({ family, files, misses: missed, worstMs, mostChildren, ends }) => {
    const told = Object.entries(ends)
      .toSorted(([, a], [, b]) => b - a)
      .map(([end, count]) => `${count} ${end}`)
      .join(", ");
    return `${family.padEnd(20)} ${String(files).padStart(5)} ${String(missed).padStart(6)} ${String(worstMs).padStart(8)} ${String(mostChildren).padStart(8)}  ${told}`;
  });
  return [
    `${"family".padEnd(20)} files misses worst ms children  ends`,
    ...table,
    "",
    `${all.toxicFiles} toxic files and lies, sent ${all.toxicSent} times, beside ${honest.documents - honest.baseline} honest documents; ${honest.baseline} honest ones alone; ${honest.lost} honest ones were not stored as they are`,
    `received → settled, honest: median ${honest.medianMs} ms (alone ${honest.baselineMedianMs}), p99 ${honest.p99Ms} ms (alone ${honest.baselineP99Ms}): ${honest.slowdown} times`,
    `the processor's memory at its highest: ${all.peakMb} MB; children that one file cost: ${all.mostChildren} at most`,
    ...(misses.length === 0
      ? ["no miss"]
      : [`${misses.length} misses:`, ...misses.map((miss) => `  ${miss}`)]),
    "",
  ].join("\n");
}
