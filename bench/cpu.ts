import { readFileSync, readdirSync } from "node:fs";
import { run } from "./run.ts";

/** CPU time in milliseconds that a process and everything below it has used, children that are gone included. */
export function cpuMsOfTree(root: number): number {
  const stats = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap(readStat);
  const family = new Set([root]);
  for (let grown = true; grown;) {
    const children = stats.filter(({ pid, parent }) => family.has(parent) && !family.has(pid));
    grown = children.length > 0;
    for (const { pid } of children) family.add(pid);
  }
  return stats
    .filter(({ pid }) => family.has(pid))
    .reduce((sum, { ownMs, reapedMs }) => sum + ownMs + reapedMs, 0);
}

const tickMs = 10; // USER_HZ is 100 on Linux

/** CPU milliseconds of a process itself, and of those of its children that have ended. */
export type ProcessTime = { pid: number; parent: number; ownMs: number; reapedMs: number };

/** What the kernel says of a process; empty when it is gone. */
export function readStat(pid: number | string): ProcessTime[] {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    const [user, system, childUser, childSystem] = [11, 12, 13, 14].map((index) => Number(fields[index]));
    return [
      {
        pid: Number(pid),
        parent: Number(fields[1]),
        ownMs: (user! + system!) * tickMs,
        reapedMs: (childUser! + childSystem!) * tickMs,
      },
    ];
  } catch {
    return []; // gone meanwhile
  }
}

/** CPU milliseconds of this process, all its threads, while something is done. */
export async function cpuMsOf(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

/** CPU milliseconds of a command and its children, by the shell's own `times`. */
export async function cpuMsOfCommand(command: string): Promise<number> {
  const { stdout } = await run("bash", ["-c", `${command}\ntimes`], { maxBuffer: 1 << 28 });
  const children = stdout.trim().split("\n").at(-1)!;
  return [...children.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, minutes, seconds]) => sum + Number(minutes) * 60_000 + Number(seconds) * 1_000,
    0,
  );
}
