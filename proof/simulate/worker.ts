import { parentPort, workerData } from "node:worker_threads";
import type { Outcome } from "./history.ts";
import { plantSources } from "./plant-sources.ts";
import { plants } from "./plants.ts";
import { lightenAborts } from "./world/light-abort.ts";

/** What a thread is to play, with a bug or without: some seeds, or `histories` of them from `from` on, every `stride`-th. */
export type Order = { plant: string | null } & (
  | { seeds: readonly number[] }
  | { from: number; stride: number; histories: number }
);

/** What a thread played. */
export type Report = {
  histories: number;
  steps: number;
  /** Histories that were cleared away at their end. */
  cleared: number;
  faults: [string, number][];
  /** The first history in which something does not hold, line by line; it ends the order. */
  violation: Outcome | null;
};

// Kysely freezes every piece of SQL that it is given, and every error takes a picture of its stack: dear, and of no use here.
Object.freeze = <T>(value: T) => value;
Error.stackTraceLimit = 0;
lightenAborts();

const order = workerData as Order;
const { plant } = order;
const check = plant === null ? () => {} : plantSources(plants.find(({ name }) => name === plant)!);
const { playHistory } = await import("./history.ts");
check();

const report: Report = { histories: 0, steps: 0, cleared: 0, faults: [], violation: null };
const faults = new Map<string, number>();
for (const seed of seedsOf(order)) {
  const outcome = await playHistory(seed);
  report.histories += 1;
  report.steps += outcome.steps;
  report.cleared += Number(outcome.isCleared);
  for (const [kind, count] of outcome.faults) faults.set(kind, (faults.get(kind) ?? 0) + count);
  if (outcome.violations.length === 0) continue;
  report.violation = await playHistory(seed, true);
  break;
}
report.faults = [...faults];
parentPort!.postMessage(report);

function* seedsOf(wanted: Order): Iterable<number> {
  if ("seeds" in wanted) return yield* wanted.seeds;
  for (let at = 0; at < wanted.histories; at++) yield wanted.from + at * wanted.stride;
}
