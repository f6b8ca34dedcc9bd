import { parentPort, workerData } from "node:worker_threads";
import type { Outcome } from "./history.ts";
import { plantSources } from "./plant-sources.ts";
import { plants } from "./plants.ts";

/** What a thread is to play: seeds from `from`, every `stride`-th, `histories` of them, with a bug or without. */
export type Order = { from: number; stride: number; histories: number; plant: string | null };

/** What a thread played. */
export type Report = {
  histories: number;
  steps: number;
  faults: [string, number][];
  /** The first history in which something does not hold, line by line; it ends the order. */
  violation: Outcome | null;
};

// Kysely freezes every node that it builds, and every error takes a picture of its stack: dear, and of no use here.
Object.freeze = <T>(value: T) => value;
Error.stackTraceLimit = 0;

const { from, stride, histories, plant } = workerData as Order;
const check = plant === null ? () => {} : plantSources(plants.find(({ name }) => name === plant)!);
const { playHistory } = await import("./history.ts");
check();

const report: Report = { histories: 0, steps: 0, faults: [], violation: null };
const faults = new Map<string, number>();
for (let at = 0; at < histories && report.violation === null; at++) {
  const seed = from + at * stride;
  const outcome = await playHistory(seed);
  report.histories += 1;
  report.steps += outcome.steps;
  for (const [kind, count] of outcome.faults) faults.set(kind, (faults.get(kind) ?? 0) + count);
  if (outcome.violations.length > 0) report.violation = await playHistory(seed, true);
}
report.faults = [...faults];
parentPort!.postMessage(report);
