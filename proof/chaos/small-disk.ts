import { execFile } from "node:child_process";
import { mkdir, rename, rm, rmdir, statfs } from "node:fs/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

/** A disk of its own below the objects, which can be full; null where mounting is not allowed. */
export type SmallDisk = {
  /** Takes all free space away. */
  fill(): Promise<void>;
  /** Gives it back. */
  relieve(): Promise<void>;
  /**
   * `keeps`: what lies on it lies in the same place afterwards, for whoever looks again; else it is gone. So it is when it
   * cannot be kept, say because there is no room for it: then `say` hears of that, and the run is worth what it is worth.
   */
  unmount(options: { keeps: boolean; say: (sentence: string) => void }): Promise<void>;
};

/** Mounts a tmpfs of so many megabytes; only root may, and not in every container. */
export async function mountSmallDisk(path: string, megabytes: number): Promise<SmallDisk | null> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  const size = `size=${megabytes}m`;
  const mounted = await run("mount", ["-t", "tmpfs", "-o", `${size},mode=0700`, "tmpfs", path]).catch(
    () => null,
  );
  if (mounted === null) return null;
  const resize = (to: string) => run("mount", ["-o", `remount,${to}`, path]);
  return {
    fill: async () => {
      for (let tries = 0; ; tries++) {
        const { blocks, bfree, bsize } = await statfs(path);
        // Below what is used no disk can be made: whoever wrote meanwhile is counted in the next try.
        const done = await resize(`size=${(blocks - bfree) * bsize}`).catch(() => null);
        if (done !== null) return;
        if (tries === 20) throw new Error(`${path} could not be filled`);
      }
    },
    relieve: async () => void (await resize(size)),
    unmount: async ({ keeps, say }) => {
      const copy = `${path}.kept`;
      const isCopied = keeps && (await copyOrSay(path, copy, say));
      await run("umount", ["--lazy", path]);
      if (!isCopied) return;
      await rmdir(path);
      await rename(copy, path);
    },
  };
}

/** Whether all was copied; of what was not, no part stays. */
async function copyOrSay(from: string, to: string, say: (sentence: string) => void): Promise<boolean> {
  try {
    await run("cp", ["--archive", from, to]);
    return true;
  } catch (error) {
    say(`what lay on the small disk is lost, it could not be copied: ${(error as Error).message.trim()}`);
    await rm(to, { recursive: true, force: true });
    return false;
  }
}
