import { standings } from "./judge.ts";
import { promises } from "./promises.ts";
import { changesSince, readResults, recordResult } from "./result.ts";
import { runSuites } from "./suites.ts";

// Prints each promise with its last proof, count and date; exits 1 when one has none that holds. With `--record` it
// first runs the suites of `npm test` that prove something, and keeps their counts; with `--nightly` at the promises' full sizes.
const options = process.argv.slice(2);
const [isRecorded, isNightly] = ["--record", "--nightly"].map((option) => options.includes(option));
if (options.some((option) => !["--record", "--nightly"].includes(option)) || (isNightly && !isRecorded)) {
  process.stderr.write("Usage: npm run promises [-- --record [--nightly]]\n");
  process.exit(2);
}
if (isRecorded) {
  const size = isNightly ? "nightly" : "ci";
  const { files: detail, endedWell } = runSuites(size);
  const total = (kind: "passed" | "failed" | "skipped") =>
    Object.values(detail).reduce((sum, count) => sum + count[kind], 0);
  const counts = { passed: total("passed"), failed: total("failed"), skipped: total("skipped") };
  recordResult({ proof: "suites", held: endedWell && counts.failed === 0, size, counts, detail });
}
const results = readResults();
let broken = 0;
for (const promise of promises) {
  const proofs = standings(promise, results);
  const held = proofs.every((proof) => proof.held);
  if (!held) broken += 1;
  process.stdout.write(`${promise.id.padEnd(4)}${promise.says}: ${held ? "held" : "NOT PROVEN"}\n`);
  for (const { proof, at, commit, counts, held: stands } of proofs)
    process.stdout.write(
      `      ${stands ? " " : "✗"} ${at?.slice(0, 16).replace("T", " ") ?? "never           "} ${commit.padEnd(13)} ${proof}\n${" ".repeat(25)}${counts}${age(commit)}\n`,
    );
}

/** How far the product has moved on since, and what looks at it: a proof may have become stricter than the one that was held. */
function age(commit: string): string {
  const changes = changesSince(commit);
  if (changes === null) return "";
  const { product, proofs } = changes;
  if (product + proofs === 0) return "; product and proofs are the same";
  return `; since then ${product} commits changed the product, ${proofs} what proves it`;
}
process.stdout.write(`\n${promises.length - broken} of ${promises.length} promises held when last proven.\n`);
process.exitCode = broken > 0 ? 1 : 0;
