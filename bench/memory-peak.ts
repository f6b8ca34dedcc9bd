import { readFileSync, writeFileSync } from "node:fs";

/**
 * Runs something, and tells by how many megabytes this process grew at most meanwhile: by the kernel's own high-water mark,
 * which misses nothing; where it cannot begin anew, by a look every 10 ms, which sees nothing of work that holds the thread.
 */
export async function peakOver(work: () => Promise<unknown>): Promise<number> {
  const isExact = resetPeak();
  const resident = () => residentMb(process.pid);
  const base = resident().now;
  let most = base;
  const looking = setInterval(() => (most = Math.max(most, resident().now)), 10);
  try {
    await work();
    const { now, most: mark } = resident();
    return Math.max(most, isExact ? mark : now) - base;
  } finally {
    clearInterval(looking);
  }
}

/** Lets the high-water mark of this process begin anew; false where the kernel does not. */
export function resetPeak(): boolean {
  try {
    writeFileSync("/proc/self/clear_refs", "5");
    return true;
  } catch {
    return false;
  }
}

/** Finding processes costs as much as a document: more often than this, the look slows what it looks at. */
const findMs = 1_000;
/** A photo takes twice as long; five processes cost 0.3 % of a core. */
const lookMs = 50;

/**
 * Watches how many megabytes some processes hold together at one moment, until it is stopped; `find` tells their numbers.
 * Marks of the kernel would be of different moments, and their sum of none.
 */
export function watchTogether(find: () => Promise<readonly number[]>): { stop(): number } {
  let pids: readonly number[] = [];
  let most = 0;
  const search = () => void find().then((found) => (pids = found));
  const look = () =>
    (most = Math.max(
      most,
      pids.reduce((sum, pid) => sum + residentMb(pid).now, 0),
    ));
  search();
  const timers = [setInterval(search, findMs), setInterval(look, lookMs)];
  return {
    stop: () => {
      for (const timer of timers) clearInterval(timer);
      return look();
    },
  };
}

/** Resident megabytes of a process, now and at most so far; zero when it is gone. */
export function residentMb(pid: number): { now: number; most: number } {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const of = (name: string) =>
      (Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0) * 1_024) / 1e6;
    return { now: of("VmRSS"), most: of("VmHWM") };
  } catch {
    return { now: 0, most: 0 };
  }
}
