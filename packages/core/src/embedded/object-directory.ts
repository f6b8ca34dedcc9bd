import { linkSync, mkdirSync } from "node:fs";
import { link, mkdir, open, rmdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { removeLeftOvers, type Temp } from "./object-temp.ts";

/** Below the root of a store: finished objects in `staging`, `tombstones` and `vault`, open uploads, unfinished files in `temp`. */
export const objectAreas = ["staging", "tombstones", "vault", "uploads", "temp"] as const;
type ObjectArea = (typeof objectAreas)[number];

/** Where a store keeps what. */
export type ObjectDirectories = Record<ObjectArea, string> & { root: string } & Temp;

/** Only we may look inside. */
const directoryMode = 0o700;
/** How often a directory may be removed under a writer who is just creating it. */
const linkAttempts = 100;
/** What mkdir and link say then (the last two are mkdir's alone, when what it met is gone at its second look). */
const directoryErrors = ["ENOENT", "ENOTDIR", "EEXIST"];

/** Creates the directories below `path` and removes temporary files untouched for an hour: their writers are dead. */
export function openObjectDirectories(path: string, now: Date): ObjectDirectories {
  const root = resolve(path);
  const areas = Object.fromEntries(objectAreas.map((area) => [area, join(root, area)]));
  for (const directory of [root, ...Object.values(areas)])
    mkdirSync(directory, { recursive: true, mode: directoryMode });
  const directories = { root, leaving: new Map(), ...(areas as Record<ObjectArea, string>) };
  removeLeftOvers(directories.temp, now);
  return directories;
}

/** The file of a key. The `@` is no letter of keys, so that `s/a` and `s/a/b` can both be objects. */
export function objectPath(directories: ObjectDirectories, key: string): string {
  return `${join(areaOf(directories, key), key.slice(2))}@`;
}

/** The directory of the area that a key lies in. */
export function areaOf({ staging, tombstones, vault }: ObjectDirectories, key: string): string {
  if (key.startsWith("s/")) return staging;
  return key.startsWith("t/") ? tombstones : vault;
}

/**
 * Gives a finished file its name if nobody bears it yet; durable in either case when it resolves.
 * link(2) is what decides between writers, also between processes.
 */
export async function linkDurably(root: string, file: string, name: string): Promise<"created" | "exists"> {
  const outcome = await linkUnlessTaken(file, name);
  await syncName(root, name);
  return outcome;
}

/** Makes a name durable that is there: whoever gave it may have been killed before it was. */
export async function syncName(root: string, name: string): Promise<void> {
  const above: string[] = [];
  for (let at = dirname(name); at !== dirname(root); at = dirname(at)) above.push(at);
  // All at once: what waits for the disk together is made durable in one go, and it is durable when the last one is.
  await Promise.all(above.map(syncDirectory));
}

async function linkUnlessTaken(file: string, name: string): Promise<"created" | "exists"> {
  const options = { recursive: true, mode: directoryMode };
  for (let attempt = 1; ; attempt += 1) {
    try {
      if (attempt === 1) {
        await mkdir(dirname(name), options);
        await link(file, name);
      } else {
        // Somebody who deleted the neighbours took the empty directory with them: now without a pause in between.
        mkdirSync(dirname(name), options);
        linkSync(file, name);
      }
      return "created";
    } catch (error) {
      if (isErrno(error, "EEXIST", "link")) return "exists";
      if (!directoryErrors.some((code) => isErrno(error, code)) || attempt === linkAttempts) throw error;
    }
  }
}

/** Makes the names in a directory durable; no error when the directory itself is gone. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await openIfThere(path);
  if (directory === null) return;
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Removes a directory and those above it, up to but without `stop`, as long as they are empty. */
export async function removeEmptyDirectories(path: string, stop: string): Promise<void> {
  for (let at = path; at.length > stop.length; at = dirname(at)) {
    try {
      await rmdir(at);
    } catch (error) {
      if (isErrno(error, "ENOTEMPTY") || isErrno(error, "EEXIST")) return;
      if (!isErrno(error, "ENOENT")) throw error;
    }
  }
}

/** A handle to read by, or null when there is no such file. */
export async function openIfThere(path: string) {
  try {
    return await open(path, "r");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return null;
    throw error;
  }
}

/** Whether the system refused with this code, and by this call if one is named. */
export function isErrno(error: unknown, code: string, syscall?: string): boolean {
  if (!(error instanceof Error && "code" in error && error.code === code)) return false;
  return syscall === undefined || ("syscall" in error && error.syscall === syscall);
}
