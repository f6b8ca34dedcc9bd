import { mkdirSync } from "node:fs";
import { open, rmdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { removeLeftOvers, type Temp } from "./object-temp.ts";

/** Below the root of a store: finished objects in `staging`, `tombstones` and `vault`, open uploads, unfinished files in `temp`. */
export const objectAreas = ["staging", "tombstones", "vault", "uploads", "temp"] as const;
type ObjectArea = (typeof objectAreas)[number];

/** Where a store keeps what. */
export type ObjectDirectories = Record<ObjectArea, string> & { root: string } & Temp;

/** Only we may look inside. */
export const directoryMode = 0o700;

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
