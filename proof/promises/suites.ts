import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import type { ProofSize } from "./proof-size.ts";
import { promises } from "./promises.ts";

/** Tests of one file: how many held. */
export type SuiteCount = { passed: number; failed: number; skipped: number };

const root = join(import.meta.dirname, "../..");

/** Every suite that some promise names, once. */
export const provingSuites = (): string[] => [
  ...new Set(
    promises.flatMap(({ proofs }) => proofs.flatMap((proof) => ("suites" in proof ? proof.suites : []))),
  ),
];

type FileReport = { name: string; status: string; assertionResults: { status: string }[] };

/** Runs the suites that prove something, printing as they go; answers the counts of each file, and whether the run itself ended well. */
export function runSuites(size: ProofSize): { files: Record<string, SuiteCount>; endedWell: boolean } {
  const scratch = mkdtempSync(join(tmpdir(), "strongroom-suites-"));
  const report = join(scratch, "report.json");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  try {
    const { status } = spawnSync(
      process.execPath,
      [vitest(), "run", "--config", "vitest.proofs.config.ts", ...reporters, ...provingSuites()],
      {
        cwd: root,
        env: { ...process.env, PROOF_SIZE: size },
        stdio: "inherit",
      },
    );
    const { testResults } = JSON.parse(readFileSync(report, "utf8")) as { testResults: FileReport[] };
    const files = Object.fromEntries(
      testResults.map((file) => [relative(root, file.name), countTests(file)]),
    );
    return { files, endedWell: status === 0 };
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

const vitest = (): string => join(root, "node_modules/vitest/vitest.mjs");

/** A file that does not load, or whose preparation fails, has no test that failed: it counts as one itself. */
export function countTests({ status, assertionResults: tests }: FileReport): SuiteCount {
  const passed = tests.filter((test) => test.status === "passed").length;
  const failed = tests.filter((test) => test.status === "failed").length;
  const skipped = tests.length - passed - failed;
  return { passed, failed: status === "failed" ? Math.max(1, failed) : failed, skipped };
}
