import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { RunResult } from "./run.ts";
import type { Wish } from "./sizes.ts";

const results = join(import.meta.dirname, "..", "results");

/** Writes what a run came to into `proof/results`; answers the file. */
export async function recordRun({ sizes, seed }: Wish, result: RunResult): Promise<string> {
  const { stdout } = await promisify(execFile)("git", ["rev-parse", "HEAD"], { cwd: import.meta.dirname });
  const at = new Date().toISOString();
  const verdicts = result.verdicts.map(({ id, promise, looked, violations }) => ({
    id,
    promise,
    looked,
    violations: violations.length,
  }));
  const machine = `${cpus().length} × ${cpus()[0]?.model.trim() ?? "unknown processor"}, Node ${process.version}, load ${loadavg()[0]!.toFixed(1)}`;
  const { counts, quietMs, seconds } = result;
  const record = { at, commit: stdout.trim(), machine, seed, sizes, seconds, quietMs, verdicts, counts };
  const path = join(results, `chaos-${at.slice(0, 10)}-${sizes.documents}.json`);
  await mkdir(results, { recursive: true });
  await writeFile(path, `${JSON.stringify(record, null, 2)}\n`);
  return path;
}
