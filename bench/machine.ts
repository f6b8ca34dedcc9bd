import { cpus, loadavg } from "node:os";
import { currentCommit } from "../proof/promises/result.ts";

/** Where and on what a measurement was made; `text` is the same in one line. */
export type Machine = { machine: string; commit: string; loadBefore: number; text: string };

/** Processor, Node, commit (with `+` when something is not committed) and how busy the machine is at this moment. */
export function describeMachine(): Machine {
  const machine = `${cpus().length} × ${cpus()[0]?.model.trim() ?? "unknown processor"}, Node ${process.version}`;
  const commit = commitOrUnknown();
  const loadBefore = Number(loadavg()[0]!.toFixed(2));
  return { machine, commit, loadBefore, text: `${machine}; commit ${commit}; load ${loadBefore}` };
}

/** A checkout without history is measured, too. */
function commitOrUnknown(): string {
  try {
    return currentCommit();
  } catch {
    return "unknown";
  }
}
