import { readOrRefuse } from "../promises/command-line.ts";
import { isProven, runBroken } from "./broken.ts";
import { describeCorpus, isBad, sendCorpus } from "./corpus.ts";
import { describe, judge } from "./judge.ts";
import { recordBroken, recordFailure, recordRun } from "./record-run.ts";
import { run } from "./run.ts";
import { readWish } from "./wish.ts";

const wish = readOrRefuse(readWish);
const { seed, amount, record } = wish;
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const seconds = (): number => Math.round(performance.now() / 1_000);

// What was started goes with us: `world.ts` ends it when this process ends.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));

/** Whether each broken build was found, and nothing of the one that is whole. */
async function proveBroken(): Promise<boolean> {
  const findings = await runBroken(seed, say);
  say(`${seconds()} s, seed ${seed}`);
  if (record) say(`written to ${recordBroken(wish, seconds(), findings)}`);
  return isProven(findings);
}

/** Whether nothing was missed, of our files and of the real ones. */
async function proveWhole(): Promise<boolean> {
  const judgement = judge(await run({ seed, ...amount, say }));
  say(`\n${describe(judgement)}`);
  const corpus = wish.corpus === null ? null : await sendCorpus(wish.corpus);
  if (corpus) say(describeCorpus(corpus));
  say(
    `${seconds()} s, seed ${seed}: the same seed sends the same files in the same order, as far as the clock lets it`,
  );
  if (record) say(`written to ${recordRun(wish, { seconds: seconds(), judgement, corpus })}`);
  return judgement.misses.length === 0 && !(corpus && isBad(corpus));
}

try {
  process.exitCode = (await (wish.broken ? proveBroken() : proveWhole())) ? 0 : 1;
} catch (error) {
  if (record) recordFailure(wish, error);
  throw error;
}
