import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { statusOf, verdictTable } from "../check/judge.ts";
import type { Verdict } from "../check/judged-run.ts";
import { readOrRefuse } from "../promises/command-line.ts";
import { findBrokenBuilds } from "./find-broken-builds.ts";
import { recordFailure, recordRun } from "./record-run.ts";
import { runChaos } from "./run.ts";
import { readWish, type Wish } from "./sizes.ts";

const say = (sentence: string) =>
  console.log(`${(performance.now() / 1_000).toFixed(1).padStart(7)} s  ${sentence}`);

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());

/** 0 when everything held, 1 when something is broken, 3 when the machine was too slow to judge something. */
async function proveHonest(wish: Wish): Promise<0 | 1 | 3> {
  const directory = await mkdtemp(join(tmpdir(), "strongroom-chaos-"));
  const { sizes, seed } = wish;
  console.log(
    `chaos: seed ${seed}, ${sizes.documents} documents, ${sizes.kills + sizes.relayKills} kills, ${sizes.stops} stops, time divided by ${sizes.timeDivisor}`,
  );
  const keeps = (verdicts: readonly Verdict[]) => wish.keep || statusOf(verdicts) !== 0;
  const result = await runChaos({ directory, sizes, seed, keeps, say, stopping: stop.signal }).catch(
    (error: Error) => {
      if (wish.record && !stop.signal.aborted) console.log(`written to ${recordFailure(wish, error)}`);
      throw error;
    },
  );
  console.log(verdictTable(result.verdicts));
  for (const [name, counts] of Object.entries(result.counts))
    console.log(
      `${name.padEnd(12)} ${Object.entries(counts)
        .map(([what, count]) => `${what} ${count}`)
        .join(", ")}`,
    );
  const status = statusOf(result.verdicts);
  console.log(`${sentences[status]} in ${result.seconds} s (seed ${seed})`);
  if (wish.record) console.log(`written to ${recordRun(wish, result)}`);
  if (keeps(result.verdicts)) console.log(`history, dump and data: ${directory}`);
  else await rm(directory, { recursive: true });
  return status;
}

const sentences = {
  0: "every promise held",
  1: "A PROMISE IS BROKEN",
  3: "NOT JUDGED, the machine was too slow: run it again with nothing beside it;",
};

const wish = readOrRefuse(readWish);
process.exit(
  wish.broken ? ((await findBrokenBuilds(wish, say, stop.signal)) ? 0 : 1) : await proveHonest(wish),
);
