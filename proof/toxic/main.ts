import { execFileSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
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
    : { honest: 150, baseline: 40, cuts: 4, changes: 3 };
  const startedMs = performance.now();
  const plan = {
    seed,
    honestPerSecond: 2,
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
  if (values.record) await record({ seed, seconds, plan: amount, judgement, corpus });
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

type Run = { seed: number; seconds: number; plan: object; judgement: Judgement; corpus: CorpusResult | null };

async function record({ corpus, ...facts }: Run): Promise<void> {
  const at = new Date().toISOString();
  const commit = execFileSync("git", ["rev-parse", "HEAD"], { encoding: "utf8" }).trim();
  const machine = `${cpus().length} × ${cpus()[0]?.model.trim() ?? "unknown processor"}, Node ${process.version}`;
  const load = loadavg().map((value) => Math.round(value * 10) / 10);
  const directory = join(import.meta.dirname, "../results");
  const path = join(directory, `toxic-${at.slice(0, 10)}.json`);
  await mkdir(directory, { recursive: true });
  // Names of other people's files stay out of it.
  const counted = corpus && {
    files: corpus.files,
    ends: corpus.ends,
    rejected: corpus.rejected.length,
    misses: corpus.misses.length,
  };
  await writeFile(
    path,
    `${JSON.stringify({ at, machine, load, commit, ...facts, corpus: counted }, null, 2)}\n`,
  );
  say(`written to ${path}`);
}
