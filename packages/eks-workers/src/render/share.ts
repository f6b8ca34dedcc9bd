import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { setPriority } from "node:os";

/** Linux counts CPU time of processes in hundredths of a second (USER_HZ). */
const tickMs = 10;

/** CPU time that a process has used so far, all its threads; 0 when nobody knows. */
export function cpuMsOf(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "latin1")
      .replace(/^.*\) /s, "")
      .split(" ");
    return (Number(fields[11]) + Number(fields[12])) * tickMs;
  } catch {
    return 0; // no such process any more, or no such system
  }
}

/**
 * A quarter of what another process gets where both want the same core, and all of it where nobody else does: an honest file
 * of some seconds still ends before its deadline on a machine that has no core to spare.
 */
const lowNiceness = 5;

/**
 * Puts a process behind others, for good: only root could take it back. Every thread of it, since Linux has niceness by
 * thread, and its session as a whole, since a kernel that groups processes by session weighs those groups first.
 */
export function lowerPriority(pid: number): void {
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`)) setPriority(Number(thread), lowNiceness);
    writeFileSync(`/proc/${pid}/autogroup`, String(lowNiceness));
  } catch {
    // It is gone, or this kernel does not do it: the place aside alone helps too.
  }
}
