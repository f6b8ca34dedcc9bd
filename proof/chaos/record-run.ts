import { loadavg } from "node:os";
import { holds } from "../check/judge.ts";
import { type NewResult, recordResult } from "../promises/result.ts";
import type { Finding } from "./find-broken-builds.ts";
import type { RunResult } from "./run.ts";
import type { Wish } from "./sizes.ts";

/** Writes what a run came to into `proof/results`; answers the file. */
export const recordRun = (wish: Wish, result: RunResult): string => recordResult(resultOf(wish, result));

/** What is kept of a run: its size, what was done (not what was planned) and found, and what it takes to play it again. */
export function resultOf({ size, sizes, seed }: Wish, result: RunResult): NewResult {
  const verdicts = result.verdicts.map(({ id, promise, looked, unjudged, tooSlow = [], violations }) => ({
    id,
    promise,
    looked,
    ...(unjudged !== undefined && { unjudged }),
    ...(tooSlow.length > 0 && { tooSlow }),
    violations: violations.length,
  }));
  const { quietMs, seconds } = result;
  const sum = (numbers: number[]) => numbers.reduce((one, other) => one + other, 0);
  const { documents, tenants, drivers, timeDivisor } = sizes;
  const counts = {
    documents,
    tenants,
    drivers,
    kills: sum(Object.values(result.counts["kills"] ?? {})),
    "times as fast as life": timeDivisor,
    looked: sum(verdicts.map(({ looked }) => looked)),
    violations: sum(verdicts.map(({ violations }) => violations)),
    seconds,
  };
  const load = Number(loadavg()[0]!.toFixed(1));
  const detail = { seed, sizes, load, quietMs, verdicts, happened: result.counts };
  return { proof: "chaos", size, held: result.verdicts.every(holds), counts, detail };
}

/** Writes that a run did not get to its end, of which nothing is counted; answers the file. */
export function recordFailure({ size, sizes, seed }: Wish, error: Error): string {
  const detail = { seed, sizes, error: error.message };
  return recordResult({ proof: "chaos", size, held: false, counts: {}, detail });
}

/**
 * Writes which broken builds were found out, and by what; answers the file. `isSound`: nothing is found of the build as it
 * is, or what was found of the others shows nothing.
 */
export function recordBrokenBuilds({ seed }: Wish, findings: Finding[], isSound = true): string {
  const found = findings.filter((finding) => finding.found !== null).length;
  const counts = { "broken builds found": found, "broken builds": findings.length };
  const load = Number(loadavg()[0]!.toFixed(1));
  const held = isSound && found === findings.length;
  return recordResult({ proof: "chaos-broken", held, counts, detail: { seed, load, findings } });
}
