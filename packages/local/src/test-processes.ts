import { readdir, readFile, readlink } from "node:fs/promises";
import { systemClock } from "@strongroom/core/clock";

/** A process that has to do with a data directory; `kind` is `postgres`, `worker`, `decoder` or `main`. */
export type FoundProcess = { pid: number; kind: string; command: string };

/**
 * Every living process of the Strongroom on a data directory, whoever started it: told by where it stands (PostgreSQL in
 * its cluster, decode children in their scratch) or by what it was configured with.
 */
export async function processesOf(dataDirectory: string): Promise<FoundProcess[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(pids.map((pid) => identify(pid, dataDirectory)));
  return found.filter((one) => one !== null);
}

/** Resolves when no such process is left; looked at every 50 ms, since the kernel tells only parents. */
export async function untilNone(
  dataDirectory: string,
  kinds: readonly string[] = ["postgres", "worker", "decoder", "main"],
): Promise<void> {
  while ((await processesOf(dataDirectory)).some(({ kind }) => kinds.includes(kind)))
    await systemClock.sleep(50);
}

async function identify(pid: string, dataDirectory: string): Promise<FoundProcess | null> {
  const [cwd, environment, command, state] = await Promise.all([
    readlink(`/proc/${pid}/cwd`).catch(() => ""),
    readFile(`/proc/${pid}/environ`, "utf8").catch(() => ""),
    readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => ""),
    readFile(`/proc/${pid}/stat`, "utf8").catch(() => ") Z"),
  ]);
  if (/\) [ZX]/.test(state)) return null; // it ended, and only its parent has not looked yet
  const kind = kindOf(cwd, environment.split("\0"), command, dataDirectory);
  return kind === null ? null : { pid: Number(pid), kind, command: command.replaceAll("\0", " ").trim() };
}

function kindOf(cwd: string, environment: string[], command: string, dataDirectory: string): string | null {
  if (cwd.startsWith(`${dataDirectory}/scratch/`)) return "decoder";
  if (cwd.startsWith(`${dataDirectory}/`)) return "postgres";
  if (!environment.includes(`STRONGROOM_DATA=${dataDirectory}`)) return null;
  return command.includes("eks-workers") ? "worker" : "main";
}
