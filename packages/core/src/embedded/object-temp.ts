import { randomBytes } from "node:crypto";
import { readdirSync, rmSync, statSync } from "node:fs";
import { readdir, rm, unlink } from "node:fs/promises";
import { join } from "node:path";

/** Unfinished files, and what is on its way out; `leaving` has those that are being removed, or that the disk did not let go. */
export type Temp = { temp: string; leaving: Map<string, Promise<void>> };

/** Nobody writes for so long without touching the file. */
const leftOverMs = 60 * 60 * 1000;

/** Calls `work` with a path in `temp` that nobody else uses; whatever is left there afterwards is removed. */
export async function withTemp<T>(place: Temp, work: (path: string) => Promise<T>): Promise<T> {
  const path = freshPath(place);
  try {
    return await work(path);
  } finally {
    await leave(place, path, remove(path));
  }
}

/** Removes what `move` moves to the path in `temp` that it is called with; until it is gone, `untilGone` waits. */
export async function removeThroughTemp(place: Temp, move: (path: string) => Promise<void>): Promise<void> {
  const path = freshPath(place);
  const moveAndRemove = async () => {
    try {
      await move(path);
    } finally {
      await remove(path);
    }
  };
  await leave(place, path, moveAndRemove());
}

/** Resolves when nothing is left of what this store began to remove; what failed is tried again, and throws if it fails again. */
export async function untilGone(place: Temp): Promise<void> {
  const all = [...place.leaving];
  const again = ([path, going]: [string, Promise<void>]) =>
    leave(
      place,
      path,
      going.catch(() => remove(path)),
    );
  await Promise.all(all.map(again));
}

/**
 * Removes all that killed processes left in `temp` below `root`, pages in the clear among it, of whatever age. Only for whoever
 * holds the whole alone, before anybody is served: a worker that outlives its parent for a moment loses what it is writing
 * there, which is sealed, and its document is tried again.
 */
export async function emptyTemp(root: string): Promise<void> {
  const temp = join(root, "temp");
  const names = await readdir(temp).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return []; // the first start
    throw error;
  });
  await Promise.all(names.map((name) => remove(join(temp, name))));
}

/** Removes temporary files untouched for an hour: their writers are dead. */
export function removeLeftOvers(temp: string, now: Date): void {
  for (const name of readdirSync(temp)) {
    const path = join(temp, name);
    const touched = statSync(path, { throwIfNoEntry: false });
    if (touched && touched.mtimeMs < now.getTime() - leftOverMs)
      rmSync(path, { recursive: true, force: true });
  }
}

async function leave({ leaving }: Temp, path: string, going: Promise<void>): Promise<void> {
  leaving.set(path, going);
  await going;
  leaving.delete(path);
}

const freshPath = ({ temp }: Temp): string => join(temp, randomBytes(16).toString("hex"));

/** Most are files: `rm` would look first what they are. */
async function remove(path: string): Promise<void> {
  await unlink(path).catch(() => rm(path, { recursive: true, force: true }));
}
