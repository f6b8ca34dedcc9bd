import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { promisify } from "node:util";

export const run = promisify(execFile);

/** One figure of ours beside its limit, measured in turns in one run. `ratio` is ours over the limit. */
export type Race = {
  name: string;
  unit: string;
  /** Whether more is better. */
  more: boolean;
  ours: Spread;
  limitName: string;
  limit: Spread | null;
  ratio: number | null;
  goal: string;
};
export type Spread = { min: number; median: number; max: number; runs: number };

/** Minimum, median and maximum of some measurements. */
export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { min: sorted[0]!, median, max: sorted.at(-1)!, runs: sorted.length };
}

type Racers = Pick<Race, "name" | "unit" | "more" | "limitName" | "goal"> & {
  rounds: number;
  ours: () => Promise<number>;
  limit: (() => Promise<number>) | null;
};

/** Lets both run in turns, `rounds` times after one that does not count: noise of the machine meets both alike. */
export async function race({ rounds, ours, limit, ...about }: Racers): Promise<Race> {
  const mine: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const [one, other] = [await ours(), limit ? await limit() : null];
    if (round === 0) continue;
    mine.push(one);
    if (other !== null) theirs.push(other);
  }
  const limits = theirs.length > 0 ? spread(theirs) : null;
  const ratio = limits ? spread(mine.map((value, index) => value / theirs[index]!)).median : null;
  return { ...about, ours: spread(mine), limit: limits, ratio };
}

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
  return stats.filter(({ pid }) => family.has(pid)).reduce((sum, { cpuMs }) => sum + cpuMs, 0);
}

const tickMs = 10; // USER_HZ is 100 on Linux

function readStat(pid: string): { pid: number; parent: number; cpuMs: number }[] {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    const ticks = [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index]), 0);
    return [{ pid: Number(pid), parent: Number(fields[1]), cpuMs: ticks * tickMs }];
  } catch {
    return []; // gone meanwhile
  }
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

/** Whether a command is on this machine. */
export async function has(command: string): Promise<boolean> {
  return await run("which", [command]).then(
    () => true,
    () => false,
  );
}
