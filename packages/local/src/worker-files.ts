import { randomBytes } from "node:crypto";
import { copyFile, mkdir, open, rename, rm, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { asideOf, logLimitBytes } from "./log-file.ts";

/** Above 16 MiB the log of workers before is put aside; to those of them that have not gone yet it stays theirs. */
export async function putAsideWorkerLog(path: string): Promise<void> {
  if (await isLong(path)) await rename(path, asideOf(path));
}

/**
 * Above 16 MiB the log that workers are writing is copied aside and emptied: they hold it open, and go on at its beginning. A
 * line that comes between the two is lost.
 */
export async function emptyWorkerLog(path: string): Promise<void> {
  if (!(await isLong(path))) return;
  await copyFile(path, asideOf(path));
  await truncate(path);
}

const isLong = (path: string): Promise<boolean> =>
  stat(path).then(
    ({ size }) => size > logLimitBytes,
    () => false,
  );

/** The log that workers write to by themselves, so that they need no living parent. */
export async function openWorkerLog(path: string): Promise<{ fd: number; close(): Promise<void> }> {
  const file = await open(path, "a", 0o600);
  return { fd: file.fd, close: () => file.close() };
}

/** Temporary files of workers: contents of documents, in the clear. A worker that is killed cannot clear up after itself. */
export type Scratch = {
  /** An empty directory for one process. */
  make(): Promise<string>;
  remove(directory: string): Promise<void>;
};

/** Removes whatever killed workers left below `root`, and hands out directories in it. */
export async function openScratch(root: string): Promise<Scratch> {
  // A worker whose parent was killed may be writing still, until it notices.
  await rm(root, { recursive: true, force: true, maxRetries: 5 });
  await mkdir(root, { recursive: true, mode: 0o700 });
  return {
    make: async () => {
      const directory = join(root, randomBytes(8).toString("hex"));
      await mkdir(directory, { mode: 0o700 });
      return directory;
    },
    remove: (directory) => rm(directory, { recursive: true, force: true, maxRetries: 3 }),
  };
}
