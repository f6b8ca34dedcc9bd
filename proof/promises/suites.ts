import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
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

type Report = { testResults: { name: string; assertionResults: { status: string }[] }[] };

/** Runs the suites that prove something, printing as they go; answers the counts of each file. */
export function runSuites(): Record<string, SuiteCount> {
  const scratch = mkdtempSync(join(tmpdir(), "strongroom-suites-"));
  const report = join(scratch, "report.json");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  try {
    spawnSync(
      process.execPath,
      [vitest(), "run", "--config", "vitest.proofs.config.ts", ...reporters, ...provingSuites()],
      {
        cwd: root,
        stdio: "inherit",
      },
    );
    const { testResults } = JSON.parse(readFileSync(report, "utf8")) as Report;
    return Object.fromEntries(
      testResults.map(({ name, assertionResults }) => [relative(root, name), count(assertionResults)]),
    );
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

const vitest = (): string => join(root, "node_modules/vitest/vitest.mjs");

function count(tests: { status: string }[]): SuiteCount {
  const passed = tests.filter(({ status }) => status === "passed").length;
  const failed = tests.filter(({ status }) => status === "failed").length;
  return { passed, failed, skipped: tests.length - passed - failed };
}
