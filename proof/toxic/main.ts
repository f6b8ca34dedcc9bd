import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { recordResult } from "../promises/result.ts";
import { runBroken } from "./broken.ts";
import { type CorpusResult, sendCorpus } from "./corpus.ts";
import { describe, type Judgement, judge, limits } from "./judge.ts";
import { run } from "./run.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    honest: { type: "string" },
    full: { type: "boolean", default: false },
    corpus: { type: "string" },
    broken: { type: "boolean", default: false },
    record: { type: "boolean", default: false },
  },
});
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const seed = Number(values.seed);

// What was started goes with us: `world.ts` ends it when this process ends.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));

if (values.broken) {
  process.exitCode = (await runBroken(seed, say)) ? 0 : 1;
} else {
  const amount = values.full
    ? { honest: 1_000, baseline: 300, cuts: 64, changes: 32 }
    : { honest: 150, baseline: 200, cuts: 4, changes: 3 };
  const startedMs = performance.now();
  const plan = {
    seed,
    ...amount,
    ...(values.honest && { honest: Number(values.honest) }),
    say,
  };
  const judgement = judge(await run(plan));
  say(`\n${describe(judgement)}`);
  const corpus = values.corpus === undefined ? null : await sendCorpus(values.corpus);
  if (corpus) say(describeCorpus(corpus));
  const seconds = Math.round((performance.now() - startedMs) / 1_000);
  say(`${seconds} s, seed ${seed}: the same seed sends the same files in the same order`);
  if (values.record) say(`written to ${record({ seed, seconds, judgement, corpus })}`);
  process.exitCode = judgement.misses.length > 0 || (corpus && isBad(corpus)) ? 1 : 0;
}

function isBad({ files, rejected, misses }: CorpusResult): boolean {
  return misses.length > 0 || rejected.length / Math.max(1, files) >= limits.falseShare;
}

function describeCorpus({ files, ends, rejected, misses }: CorpusResult): string {
  const told = Object.entries(ends).map(([end, count]) => `${count} ${end}`);
  return [
    `${files} real files: ${told.join(", ")}`,
    ...rejected.map((name) => `  not taken: ${name}`),
    ...misses.map((miss) => `  ${miss}`),
    "",
  ].join("\n");
}

type Run = {
  seed: number;
  seconds: number;
  judgement: Judgement;
  corpus: CorpusResult | null;
};

function record({ seed, seconds, judgement, corpus }: Run): string {
  const { misses, ...facts } = judgement;
  // Names of other people's files stay out of it.
  const counted = corpus && {
    files: corpus.files,
    ends: corpus.ends,
    rejected: corpus.rejected.length,
    misses: corpus.misses.length,
  };
  const { documents, lost, baseline } = judgement.honest;
  const counts = {
    "toxic files and lies": judgement.toxicFiles,
    "honest documents between them": documents - baseline,
    "honest documents alone": baseline,
    lost,
    misses: misses.length,
    seconds,
  };
  const load = loadavg().map((value) => Math.round(value * 10) / 10);
  const held = misses.length === 0 && !(corpus && isBad(corpus));
  return recordResult({
    proof: "toxic",
    held,
    counts,
    detail: { seed, load, ...facts, misses, corpus: counted },
  });
}
