import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { BenchOptions } from "./race.ts";

/** Files of the given directory whose name matches, in order of their names; none when no directory was given. */
export async function filesLike({ files }: BenchOptions, pattern: RegExp): Promise<string[]> {
  if (files === null) return [];
  const names = await readdir(files, { recursive: true });
  return names
    .filter((name) => pattern.test(name))
    .toSorted()
    .map((name) => join(files, name));
}
