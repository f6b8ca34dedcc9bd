import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import type { ProofSize } from "./proof-size.ts";

/** What a proof showed, once: counts by what was counted, and whether all of it held. */
export type ProofResult = {
  proof: string;
  at: string;
  machine: string;
  /** Commit of the tree that ran, as `currentCommit` tells it. */
  commit: string;
  held: boolean;
  /** Of a proof that has two: `full` and `nightly` (of the suites) are as large as the promise says. */
  size?: "full" | "small" | ProofSize;
  counts: Record<string, number>;
  /** Whatever else the proof wants to keep: seed, sizes, seconds, verdicts. */
  detail?: Record<string, unknown>;
};

const directory = join(import.meta.dirname, "../results");

/** What a proof says of itself, before it is told when, where and of which commit. */
export type NewResult = Omit<ProofResult, "at" | "machine" | "commit">;

/** Writes the last result of a proof, in place of the one before: history is in git. */
export function recordResult(result: NewResult): string {
  const path = join(directory, `${result.proof}.json`);
  const about = { at: new Date().toISOString(), machine: machineName(), commit: currentCommit() };
  const { proof, ...rest } = result;
  mkdirSync(directory, { recursive: true });
  writeFileSync(path, `${JSON.stringify({ proof, ...about, ...rest }, null, 2)}\n`);
  return path;
}

/** The last recorded result of every proof, by its name. */
export function readResults(from: string = directory): Map<string, ProofResult> {
  const files = readdirSync(from).filter((name) => name.endsWith(".json"));
  const results = files.map((name) => JSON.parse(readFileSync(join(from, name), "utf8")) as ProofResult);
  return new Map(results.map((result) => [result.proof, result]));
}

/** Commits after `commit` (`+` or not) that touched the product, and what proves it; null when history does not tell. */
export function changesSince(commit: string): { product: number; proofs: number } | null {
  const touching = (...paths: string[]) =>
    Number(git("rev-list", "--count", `${commit.replace("+", "")}..HEAD`, "--", ...paths));
  try {
    return { product: touching(":/packages"), proofs: touching(":/proof", ":/bench", ...noResults) };
  } catch {
    return null;
  }
}

const machineName = (): string =>
  `${cpus().length} × ${cpus()[0]?.model.trim() ?? "unknown processor"}, Node ${process.version}`;

const git = (...args: string[]): string =>
  execFileSync("git", args, {
    cwd: import.meta.dirname,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  }).trim();

/** Results are not what ran: one that was written a moment ago makes no other tree. */
const noResults = [":(top,exclude)proof/results", ":(top,exclude)bench/results"];
const whatRuns = [":/", ...noResults];

/** Commit of the tree, with `+` behind it when something that runs is not committed. */
export function currentCommit(): string {
  const changed = git("status", "--porcelain", "--untracked-files=no", "--", ...whatRuns);
  return git("rev-parse", "--short=12", "HEAD") + (changed && "+");
}
