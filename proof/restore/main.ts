import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withClient } from "@strongroom/core/database/roles";
import { silentLog } from "@strongroom/core/log";
import type { Connection } from "@strongroom/core/ports/database";
import { receiptKeys } from "@strongroom/core/receipt/receipt-keys";
import { verifyReceipt } from "@strongroom/core/receipt/verify-receipt";
import { checkFixity } from "@strongroom/core/retention/check-fixity";
import { type RunningSystem, startSystem } from "@strongroom/local/system";
import { untilQuiet } from "@strongroom/local/test-whole";
import { readOrRefuse } from "../promises/command-line.ts";
import { recordResult } from "../promises/result.ts";
import { fillForgotten, fillStored } from "./fill.ts";
import { backUp, lay } from "./machine.ts";
import { readWish } from "./wish.ts";

/*
 * How long a restore takes: documents that were stored long ago, and some that only staging knows, are laid from a backup
 * onto an empty directory; then the system starts, takes in what was forgotten, and everything is opened and verified.
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
  await timed("made and backed up (no part of the restore)", async () => {
    const system = await start(lost);
    await fillStored(system.ports, ours(system), { documents, bytes });
    await fillForgotten(system.ports, forgotten);
    await system.stop();
    await backUp(lost, backup);
  });
  await mkdir(data, { mode: 0o711 });
  const beganMs = performance.now();
  await timed("copied onto the empty directory", async () => {
    await lay("objects/tombstones", lost, data);
    await backUp(backup, data);
    await lay("objects/staging", lost, data);
  });
  const system = await timed("started, and serving", () => start(data));
  try {
    await timed(`${forgotten} documents taken in again from staging, and stored`, () => untilAdopted(system));
    const seconds = (performance.now() - beganMs) / 1_000;
    await timed("every sealed object read, opened, compared", () => openAll(system));
    await timed("every receipt verified", () => verifyAll(system));
    judge(seconds);
  } finally {
    await system.stop();
  }
}

/** Reached only when every object opened and every receipt held. */
function judge(seconds: number): void {
  const held = seconds <= mostSeconds;
  const text = `restored in ${seconds.toFixed(1)} s, promised are ${mostSeconds}`;
  process.stdout.write(`${held ? "kept" : "BROKEN"}  ${text}\n`);
  if (!held) process.exitCode = 1;
  const counts = {
    "documents restored": documents,
    "taken in again": forgotten,
    seconds: Math.round(seconds),
  };
  if (record) recordResult({ proof: "rehearse-restore", held, counts, detail: { bytes } });
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

async function untilAdopted(system: RunningSystem): Promise<void> {
  for (;;) {
    const stored = await count(system, "select count(*) from document where state = 'stored'");
    if (stored === documents + forgotten) break;
    await system.ports.clock.sleep(200);
  }
  await untilQuiet(ours(system));
}

async function count(system: RunningSystem, sql: string): Promise<number> {
  return await withClient(ours(system), async (client) =>
    Number((await client.query<{ count: string }>(sql)).rows[0]!.count),
  );
}

async function openAll({ ports }: RunningSystem): Promise<void> {
  let intact = 0;
  for (;;) {
    const found = await checkFixity(ports, { atMost: 500 });
    if (found.length === 0) break;
    intact += found.filter((one) => one === "intact").length;
  }
  if (intact !== documents) throw new Error(`${intact} of ${documents} documents are intact`);
}

async function verifyAll(system: RunningSystem): Promise<void> {
  const jwks = await receiptKeys(system.ports);
  const rows = await withClient(
    ours(system),
    async (client) => (await client.query<{ jws: string }>("select jws from receipt")).rows,
  );
  for (const { jws } of rows)
    if ((await verifyReceipt(jws, jwks)).outcome !== "valid") throw new Error("a receipt does not hold");
  if (rows.length !== documents + forgotten) throw new Error(`${rows.length} receipts`);
}
