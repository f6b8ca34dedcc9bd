import { readdir, readFile } from "node:fs/promises";

/** A living process and the words it was started with. */
export type Found = { pid: number; command: string[] };

/** Children of a process, those of its threads included; empty when it is gone. */
export async function childrenOf(pid: number): Promise<Found[]> {
  const threads = await readdir(`/proc/${pid}/task`).catch((): string[] => []);
  const lists = await Promise.all(
    threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/children`, "utf8").catch(() => "")),
  );
  const pids = lists.flatMap((list) => list.split(" ").filter((one) => one !== ""));
  const found = await Promise.all(
    pids.map(async (one) => ({ pid: Number(one), command: await commandOf(one) })),
  );
  return found.filter(({ command }) => command.length > 0);
}

/** Empty for one that has ended, and whose parent has not looked yet. */
async function commandOf(pid: string): Promise<string[]> {
  const text = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  return text.split("\0").slice(0, -1);
}

/** Whether a process stands still, as by SIGSTOP. */
export const standsStill = async (pid: number): Promise<boolean> => (await stateOf(pid)) === "T";

/** Whether a process is there and has not ended: one that has is a zombie (Z, or X as it goes) until its parent looks. */
export async function isAlive(pid: number): Promise<boolean> {
  const state = await stateOf(pid);
  return state !== null && !["Z", "X", "x"].includes(state);
}

/** Linux tells its times in this many ticks a second, whatever its own clock. */
const ticksPerSecond = 100;

/** Milliseconds since this process began, to some ten; null when there is none with this id. */
export async function ageMsOf(pid: number): Promise<number | null> {
  const startedTicks = (await statOf(pid))[19];
  const uptime = await readFile("/proc/uptime", "utf8");
  return startedTicks === undefined
    ? null
    : Number(uptime.split(" ")[0]) * 1_000 - (Number(startedTicks) * 1_000) / ticksPerSecond;
}

/** A letter; null when there is no such process. */
const stateOf = async (pid: number): Promise<string | null> => (await statOf(pid))[0] ?? null;

/** The fields behind its name, which may hold anything: its state is the first; none when there is no such process. */
async function statOf(pid: number): Promise<string[]> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return /\) (\S [^)]*)$/.exec(text)?.[1]?.split(" ") ?? [];
}

/** Sends a signal; false when the process is gone. */
export function signal(pid: number, name: "SIGKILL" | "SIGTERM" | "SIGSTOP" | "SIGCONT"): boolean {
  try {
    return process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}
