import { readdir, readFile } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { limits } from "./judge.ts";
import { sendThroughSystem } from "./send-through-system.ts";
import { startWorld } from "./world.ts";

const types: Record<string, string> = {
  ".jpg": "image/jpeg",
  ".jpeg": "image/jpeg",
  ".png": "image/png",
  ".webp": "image/webp",
  ".heic": "image/heic",
  ".heif": "image/heic",
  ".tif": "image/tiff",
  ".tiff": "image/tiff",
  ".pdf": "application/pdf",
};
const atOnce = 3;

/** What came of real files: how many ended how, and the names of those that were rejected or not kept as they are. */
export type CorpusResult = {
  files: number;
  ends: Record<string, number>;
  rejected: string[];
  misses: string[];
};

/** Sends every file of a directory whose name says that it is taken, and which is not above the size of a file. */
export async function sendCorpus(directory: string): Promise<CorpusResult> {
  const names = await readdir(directory, { recursive: true });
  const paths = names
    .filter((name) => types[extname(name).toLowerCase()])
    .map((name) => join(directory, name));
  const result: CorpusResult = { files: paths.length, ends: {}, rejected: [], misses: [] };
  const world = await startWorld();
  const left = [...paths];
  const work = async () => {
    for (let path = left.shift(); path !== undefined; path = left.shift()) {
      const file = {
        bytes: await readFile(path),
        name: basename(path),
        declaredType: types[extname(path).toLowerCase()]!,
      };
      const { end, look } = await sendThroughSystem(world, [file], null);
      const misses = await look();
      result.ends[end] = (result.ends[end] ?? 0) + 1;
      if (!end.startsWith("stored") && !end.startsWith("no_preview"))
        result.rejected.push(`${basename(path)}: ${end}`);
      result.misses.push(...misses.map((miss) => `${basename(path)} ${miss}`));
    }
  };
  try {
    await Promise.all(Array.from({ length: atOnce }, work));
    result.misses.push(...(await world.findDead()));
    return result;
  } finally {
    await world.stop();
  }
}

/** Whether more of them were not taken than may be, or not kept as they are. */
export function isBad({ files, rejected, misses }: CorpusResult): boolean {
  return misses.length > 0 || rejected.length / Math.max(1, files) >= limits.falseShare;
}

/** The result as a person reads it. */
export function describeCorpus({ files, ends, rejected, misses }: CorpusResult): string {
  const told = Object.entries(ends).map(([end, count]) => `${count} ${end}`);
  return [
    `${files} real files: ${told.join(", ")}`,
    ...rejected.map((name) => `  not taken: ${name}`),
    ...misses.map((miss) => `  ${miss}`),
    "",
  ].join("\n");
}
