import { loadavg } from "node:os";
import { holds } from "../check/judge.ts";
import { recordResult } from "../promises/result.ts";
import type { Finding } from "./find-broken-builds.ts";
import type { RunResult } from "./run.ts";
import type { Wish } from "./sizes.ts";

/** Writes what a run came to into `proof/results`; answers the file. */
export function recordRun({ sizes, seed }: Wish, result: RunResult): string {
  const verdicts = result.verdicts.map(({ id, promise, looked, unjudged, tooSlow = [], violations }) => ({
    id,
    promise,
    looked,
    ...(unjudged !== undefined && { unjudged }),
    ...(tooSlow.length > 0 && { tooSlow }),
    violations: violations.length,
  }));
  const { quietMs, seconds } = result;
  const sum = (what: "looked" | "violations") =>
    verdicts.reduce((total, verdict) => total + verdict[what], 0);
  const { documents } = sizes;
  const kills = sizes.kills + sizes.relayKills;
  const counts = { documents, kills, looked: sum("looked"), violations: sum("violations"), seconds };
  const load = Number(loadavg()[0]!.toFixed(1));
  const detail = { seed, sizes, load, quietMs, verdicts, happened: result.counts };
  return recordResult({ proof: "chaos", held: result.verdicts.every(holds), counts, detail });
}

/** Writes that a run did not get to its end; answers the file. */
export function recordFailure({ sizes, seed }: Wish, error: Error): string {
  return recordResult({
    proof: "chaos",
    held: false,
    counts: { documents: sizes.documents, kills: sizes.kills + sizes.relayKills },
    detail: { seed, sizes, error: error.message },
  });
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
