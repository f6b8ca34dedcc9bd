import { pathToFileURL } from "node:url";
import { join } from "node:path";
import { breaks, nothing } from "./breaks.ts";
import { judge } from "./judge.ts";
import { run } from "./run.ts";
import type { ToxicFile } from "./toxic-file.ts";

const preloadOf = (name: string): string =>
  `${pathToFileURL(join(import.meta.dirname, "break-source.ts")).href}?break=${encodeURIComponent(name)}`;

/** What a run with this defence taken away missed because of that; the first one has none taken away, and `name` is null. */
export type Finding = { name: string | null; misses: string[] };

/** What a system misses that does nothing any more, because it died or hangs: then anything may be missed. */
const idle = / process died$|^an honest document ended “(?!stored”)/;
const ofToxic = (miss: string): boolean => !miss.startsWith("an honest document ");

/** Of all misses of toxic files those that show this defence to be gone; none when a process died or an honest document was not stored. */
export const missesFor = (says: RegExp, misses: readonly string[]): string[] =>
  misses.some((miss) => idle.test(miss)) ? [] : misses.filter((miss) => ofToxic(miss) && says.test(miss));

/** Runs a broken system for each defence, and before them a whole one with the same files. */
export async function runBroken(seed: number, say: (line: string) => void): Promise<Finding[]> {
  const every = new Set(breaks.flatMap(({ shows }) => shows));
  const whole = await missesOf(seed, preloadOf(nothing), every);
  say(`nothing taken away: ${whole.length === 0 ? "no miss, as it should be" : whole.join("; ")}`);
  const findings: Finding[] = [{ name: null, misses: whole }];
  for (const { name, shows, says } of breaks) {
    const all = await missesOf(seed, preloadOf(name), new Set(shows));
    const misses = missesFor(says, all);
    say(`${name}: ${misses.length === 0 ? "NOT FOUND" : "found"}: ${all.join("; ")}`);
    findings.push({ name, misses });
  }
  return findings;
}

/** Whether the system as it is misses nothing, and each broken one something. */
export const isProven = (findings: readonly Finding[]): boolean =>
  findings.every(({ name, misses }) => (name === null) === (misses.length === 0));

/** Misses of the toxic files, and of the honest documents beside them; so few say nothing of a percentile. */
async function missesOf(seed: number, preload: string, kinds: ReadonlySet<string>): Promise<string[]> {
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
  if (seen.honest.length === 0) throw new Error("no honest document was sent beside the toxic ones");
  return judge({ ...seen, baseline: [] }, []).misses.filter((miss) => !miss.includes("times as slow"));
}
