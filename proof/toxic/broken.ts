import { pathToFileURL } from "node:url";
import { join } from "node:path";
import { breaks } from "./breaks.ts";
import { judge } from "./judge.ts";
import { run } from "./run.ts";
import type { ToxicFile } from "./toxic-file.ts";

const preloadOf = (name: string): string =>
  `${pathToFileURL(join(import.meta.dirname, "break-source.ts")).href}?break=${encodeURIComponent(name)}`;

/** What a run with this defence taken away missed; the first one has none taken away, and `name` is null. */
export type Finding = { name: string | null; misses: string[] };

/** Runs a broken system for each defence, and before them a whole one with the same files. */
export async function runBroken(seed: number, say: (line: string) => void): Promise<Finding[]> {
  const every = new Set(breaks.flatMap(({ shows }) => shows));
  const whole = await missesOf(seed, null, every);
  say(`nothing taken away: ${whole.length === 0 ? "no miss, as it should be" : whole.join("; ")}`);
  const findings: Finding[] = [{ name: null, misses: whole }];
  for (const { name, shows } of breaks) {
    const misses = await missesOf(seed, preloadOf(name), new Set(shows));
    say(`${name}: ${misses.length === 0 ? "NOT FOUND" : `found: ${misses.join("; ")}`}`);
    findings.push({ name, misses });
  }
  return findings;
}

/** Whether the system as it is misses nothing, and each broken one something. */
export const isProven = (findings: readonly Finding[]): boolean =>
  findings.every(({ name, misses }) => (name === null) === (misses.length === 0));

/** Misses of the toxic files alone: a few documents say nothing of a percentile. */
async function missesOf(seed: number, preload: string | null, kinds: ReadonlySet<string>): Promise<string[]> {
  const select = ({ kind }: ToxicFile) => kinds.has(kind);
  const seen = await run({
    seed,
    honest: 1,
    baseline: 0,
    cuts: 1,
    changes: 1,
    select,
    preload,
    say: () => {},
  });
  if (seen.toxic.length !== kinds.size)
    throw new Error("a file that should show a break is not among the toxic ones");
  return judge({ ...seen, honest: [], baseline: [] }, []).misses.filter(
    (miss) => !miss.includes("times as slow"),
  );
}
