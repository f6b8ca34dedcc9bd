import { pathToFileURL } from "node:url";
import { join } from "node:path";
import { judge } from "./judge.ts";
import { run } from "./run.ts";
import type { ToxicFile } from "./toxic-file.ts";

/** A defence that is taken away, and the few files that must show it. */
type Break = { name: string; shows: readonly string[] };

const breaks: readonly Break[] = [
  { name: "no pixel limit", shows: ["png that declares 65,000 × 1", "jpeg that declares 16,000 × 16,000"] },
  { name: "no deadline", shows: ["pdf with a tiling of 10^12 tiles"] },
  {
    name: "types by what the client says",
    shows: ["jpeg that is an SVG", "jpeg that calls itself a web page"],
  },
  {
    name: "metadata kept",
    shows: ["jpeg with EXIF that says where it was taken", "jpeg with XMP of scripts"],
  },
];

const preloadOf = (name: string): string =>
  `${pathToFileURL(join(import.meta.dirname, "break-source.ts")).href}?break=${encodeURIComponent(name)}`;

/** Runs a broken system for each defence, and a whole one with the same files; true when the first miss and the last does not. */
export async function runBroken(seed: number, say: (line: string) => void): Promise<boolean> {
  const every = new Set(breaks.flatMap(({ shows }) => shows));
  const whole = await missesOf(seed, null, every);
  say(`nothing taken away: ${whole.length === 0 ? "no miss, as it should be" : whole.join("; ")}`);
  let isProven = whole.length === 0;
  for (const { name, shows } of breaks) {
    const misses = await missesOf(seed, preloadOf(name), new Set(shows));
    say(`${name}: ${misses.length === 0 ? "NOT FOUND" : `found: ${misses.join("; ")}`}`);
    isProven &&= misses.length > 0;
  }
  return isProven;
}

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
  return judge({ ...seen, honest: [], baseline: [] }).misses.filter(
    (miss) => !miss.includes("times as slow"),
  );
}
