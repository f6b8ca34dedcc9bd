import { readFileSync } from "node:fs";

/** Runs something, and tells by how many megabytes this process grew at most meanwhile (looked at every 10 ms). */
export async function peakOver(work: () => Promise<unknown>): Promise<number> {
  const base = process.memoryUsage.rss();
  let most = base;
  const looking = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 10);
  try {
    await work();
    return (Math.max(most, process.memoryUsage.rss()) - base) / 1e6;
  } finally {
    clearInterval(looking);
  }
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
