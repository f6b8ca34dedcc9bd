import type { ChildProcess } from "node:child_process";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { appendFileSync, readFileSync, statSync } from "node:fs";

/** How a process ended, as the kernel told its parent: an exit code, or the signal that it died of. */
export type Exit = { pid: number; code: number | null; signal: string | null };

/**
 * Writes a line to this file whenever a child of this process has ended, whoever started it and however it ended: only its
 * parent is told what a process died of. Answers what ends the watch: then nothing is written any more.
 */
export function watchChildren(path: string): () => void {
  let watches = true;
  const onChild = (message: unknown) => {
    const { process: child } = message as { process: ChildProcess };
    child.once("exit", (code, signal) => {
      const exit: Exit = { pid: child.pid!, code, signal };
      if (watches) appendFileSync(path, `${JSON.stringify(exit)}\n`);
    });
  };
  subscribe("child_process", onChild);
  return () => {
    watches = false;
    unsubscribe("child_process", onChild);
  };
}

/** What all parents that watch their children have written to this file. */
export function openExits(path: string) {
  return {
    /** A place in the file: ids of processes come again, and so what stands before it is not looked at. */
    mark: (): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0,
    /** How this process ended after the mark; null as long as nobody was told. */
    find(pid: number, mark: number): Exit | null {
      const text = mark < this.mark() ? readFileSync(path).subarray(mark).toString() : "";
      const whole = text.split("\n").slice(0, -1);
      return whole.map((line) => JSON.parse(line) as Exit).find((exit) => exit.pid === pid) ?? null;
    },
  };
}
export type Exits = ReturnType<typeof openExits>;
