import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const prefix = "strongroom-scratch-";

/**
 * A directory for the plaintext that this process works on, closed to others. What processes left that were killed in the
 * middle of their work is removed first: nothing in it is needed, staging has it all.
 */
export async function openScratch(parent: string = tmpdir()): Promise<string> {
  for (const name of await readdir(parent)) {
    if (await isLeftOver(parent, name))
      await rm(join(parent, name), { recursive: true, force: true }).catch(() => {}); // another user's
  }
  return await mkdtemp(join(parent, `${prefix}${process.pid}-`));
}

async function isLeftOver(parent: string, name: string): Promise<boolean> {
  const pid = Number(new RegExp(`^${prefix}(\\d+)-`).exec(name)?.[1] ?? NaN);
  if (Number.isNaN(pid)) return false;
  return pid === process.pid ? await isOlderThanThisProcess(join(parent, name)) : !isAlive(pid);
}

/** In a container, the process before bore the same number. */
async function isOlderThanThisProcess(path: string): Promise<boolean> {
  const made = await stat(path).catch(() => null);
  return made !== null && made.birthtimeMs < Date.now() - process.uptime() * 1_000;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
