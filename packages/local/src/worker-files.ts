import { randomBytes } from "node:crypto";
import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";

const logLimitBytes = 16 * 1024 * 1024;

/** Above 16 MiB the old log is put aside; while a worker writes to it, it is not. */
export async function putAsideWorkerLog(path: string): Promise<void> {
  const before = await stat(path).catch(() => null);
  if (before !== null && before.size > logLimitBytes) await rename(path, `${path}.old`);
}

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
