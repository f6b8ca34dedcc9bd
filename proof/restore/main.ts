import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withClient } from "@strongroom/core/database/roles";
import { silentLog } from "@strongroom/core/log";
import type { Connection } from "@strongroom/core/ports/database";
import { receiptKeys } from "@strongroom/core/receipt/receipt-keys";
import { type RunningSystem, startSystem } from "@strongroom/local/system";
import { untilQuiet } from "@strongroom/local/test-whole";
import { readOrRefuse } from "../promises/command-line.ts";
import { recordResult } from "../promises/result.ts";
import { fillForgotten, fillStored } from "./fill.ts";
import { holds, verdictTable } from "../check/judge.ts";
import type { PublicKey, Verdict } from "../check/judged-run.ts";
import { judgeRestored, type Kept } from "./judge-restored.ts";
import { backUp, restore } from "./machine.ts";
import { readWish } from "./wish.ts";

/*
 * How long a restore takes: documents that were stored long ago, and some that only staging knows, are laid from a backup
 * onto an empty directory; then the system starts, takes in what was forgotten, and the independent judge opens and verifies all.
 * What is promised is the time from the empty directory until it serves and the last forgotten document is stored.
 *
 *   npm run rehearse-restore -- --documents 10000 --bytes 30000 --forgotten 100 [--record]
 */
/** Seconds that a restore of ten thousand documents may take. */
const mostSeconds = 300;

const { documents, bytes, forgotten, record } = readOrRefuse(readWish);

const home = await mkdtemp(join(tmpdir(), "strongroom-rto-"));
await chmod(home, 0o711);
try {
  await run();
} catch (error) {
  // What did not come to its end did not hold: no result of before may stand for it.
  if (record)
    recordResult({ proof: "rehearse-restore", held: false, counts: {}, detail: { error: String(error) } });
  throw error;
} finally {
  await rm(home, { recursive: true, force: true });
}

async function run(): Promise<void> {
  const [lost, backup, data] = [join(home, "lost"), join(home, "backup"), join(home, "data")];
  const before: Before = { kept: [], keys: [] };
  await timed("made and backed up (no part of the restore)", async () => {
    const system = await start(lost);
    before.kept.push(...(await fillStored(system.ports, ours(system), { documents, bytes })));
    before.kept.push(...(await fillForgotten(system.ports, forgotten)));
    before.keys.push(...(await receiptKeys(system.ports)).keys);
    await system.stop();
    await backUp(lost, backup);
  });
  const beganMs = performance.now();
  await timed("copied onto the empty directory", () => restore(data, { backup, lost }));
  const system = await timed("started, and serving", () => start(data));
  try {
    await timed(`${forgotten} documents taken in again from staging, and stored`, () => untilAdopted(system));
    const seconds = (performance.now() - beganMs) / 1_000;
    const verdicts = await timed("every sealed object opened and every receipt verified, by the judge", () =>
      judgeRestored(ours(system), data, before),
    );
    judge(seconds, verdicts);
  } finally {
    await system.stop();
  }
}

type Before = { kept: Kept[]; keys: PublicKey[] };

/** In time, and whole; nothing is whole that was not looked at. */
function judge(seconds: number, verdicts: Verdict[]): void {
  const isWhole = verdicts.every((verdict) => holds(verdict) && verdict.looked >= documents + forgotten);
  const held = seconds <= mostSeconds && isWhole;
  process.stdout.write(`${verdictTable(verdicts)}\n`);
  const text = `restored in ${seconds.toFixed(1)} s, promised are ${mostSeconds}`;
  process.stdout.write(`${held ? "kept" : "BROKEN"}  ${text}\n`);
  if (!held) process.exitCode = 1;
  const counts = {
    "documents restored": documents,
    "kB each": Math.round(bytes / 1_000),
    "taken in again": forgotten,
    seconds: Math.round(seconds),
    violations: verdicts.reduce((sum, { violations }) => sum + violations.length, 0),
  };
  const judged = verdicts.map(({ id, looked, violations }) => ({
    id,
    looked,
    violations: violations.length,
  }));
  if (record) recordResult({ proof: "rehearse-restore", held, counts, detail: { bytes, verdicts: judged } });
}

function start(dataDirectory: string): Promise<RunningSystem> {
  return startSystem({ dataDirectory, port: 0, databaseUrl: null, log: silentLog });
}

function ours({ superuser }: RunningSystem): Connection {
  return { ...superuser, database: "strongroom" };
}

async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
  const [startedMs, before] = [performance.now(), process.cpuUsage()];
  const result = await work();
  const { user, system } = process.cpuUsage(before);
  const seconds = (ms: number) => (ms / 1000).toFixed(1).padStart(7);
  process.stdout.write(
    `${seconds(performance.now() - startedMs)} s  (this process ${seconds((user + system) / 1000)} CPU-s)  ${what}\n`,
  );
  return result;
}

/** Throws when it takes twice as long as a restore may: what is lost never comes. */
async function untilAdopted(system: RunningSystem): Promise<void> {
  const deadlineMs = performance.now() + 2_000 * mostSeconds;
  for (;;) {
    const stored = await count(system, "select count(*) from document where state = 'stored'");
    if (stored === documents + forgotten) break;
    if (performance.now() > deadlineMs)
      throw new Error(`${stored} of ${documents + forgotten} documents are stored, and no more come`);
    await system.ports.clock.sleep(200);
  }
  await untilQuiet(ours(system));
}

async function count(system: RunningSystem, sql: string): Promise<number> {
  return await withClient(ours(system), async (client) =>
    Number((await client.query<{ count: string }>(sql)).rows[0]!.count),
  );
}
