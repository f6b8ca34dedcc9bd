import { cpus, loadavg } from "node:os";
import { run } from "./run.ts";

/** Where and on what a measurement was made; `text` is the same in one line. */
export type Machine = { machine: string; commit: string; loadBefore: number; text: string };

/** Processor, Node, commit (with `+` when something is not committed) and how busy the machine is at this moment. */
export async function describeMachine(): Promise<Machine> {
  const machine = `${cpus().length} × ${cpus()[0]?.model.trim() ?? "unknown processor"}, Node ${process.version}`;
  const git = (...words: string[]) =>
    run("git", words, { cwd: import.meta.dirname }).then(
      ({ stdout }) => stdout.trim(),
      () => "",
    );
  const dirty = (await git("status", "--porcelain", "--", ":!results")) !== "";
  const commit = `${(await git("rev-parse", "--short", "HEAD")) || "unknown"}${dirty ? "+" : ""}`;
  const loadBefore = Number(loadavg()[0]!.toFixed(2));
  return { machine, commit, loadBefore, text: `${machine}; commit ${commit}; load ${loadBefore}` };
}
