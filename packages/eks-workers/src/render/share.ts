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
 * How far work stands back where others want the same core; where nobody does, it has all of it. Decoding gets a third of
 * what those get who answer people, so that a flood that is decoded does not keep others' uploads waiting; a job that takes long
 * gets a third of that, and an honest file of some seconds still ends before its deadline.
 */
export const niceness = { decoding: 5, aside: 10 } as const;

/**
 * Puts a process behind others, for good: only root could take it back. Every thread of it, since Linux has niceness by
 * thread. A kernel that groups processes by session weighs those groups first: see `weighSession`.
 */
export function lowerPriority(pid: number, to: number): void {
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`)) setPriority(Number(thread), to);
  } catch {
    // It is gone, or this system does not do it: the place aside alone helps too.
  }
}

/**
 * Weighs the session that a process leads; other than with the process itself, anybody may take it back, down to 0. False
 * when it is to be tried again: of anybody but root the kernel takes one in a tenth of a second.
 */
export function weighSession(pid: number, to: number): boolean {
  try {
    writeFileSync(`/proc/${pid}/autogroup`, String(to));
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "EAGAIN"; // else it is gone, or this kernel does not group by session
  }
}

/** How long the kernel takes no other weight, and a little. */
export const weighAgainMs = 110;
