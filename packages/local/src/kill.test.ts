import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Client } from "@strongroom/cli/client";
import { downloadArtefact } from "@strongroom/cli/download-artefact";
import { uploadDocument } from "@strongroom/cli/upload-document";
import { systemClock } from "@strongroom/core/clock";
import { withClient } from "@strongroom/core/database/roles";
import { sha256Hex } from "@strongroom/core/digest";
import { systemIds } from "@strongroom/core/ids";
import { silentLog } from "@strongroom/core/log";
import { verifyReceipt } from "@strongroom/core/receipt/verify-receipt";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type RunningSystem, startSystem } from "./system.ts";
import { padJpeg } from "./test-files.ts";
import { findFaults } from "./test-invariants.ts";
import { processesOf } from "./test-processes.ts";
import { seededRandom, shuffle } from "./test-random.ts";
import { clientFor, untilQuiet } from "./test-whole.ts";

const seed = Date.now() % 2 ** 31;
const random = seededRandom(seed);
const drivers = ["Dora Lind", "Emil Berg", "Franz Huber", "Dora Lind"];
const workersMain = fileURLToPath(import.meta.resolve("@strongroom/eks-workers/main"));

type Accepted = { client: Client; id: string; bytes: Buffer };
const injuries = [
  "processor",
  "processor",
  "processor at the vault",
  "processor at the vault",
  "relay",
  "relay",
  "notifier",
  "postgres",
  "postgres",
  "freeze",
] as const;
type Injury = (typeof injuries)[number];

describe(`a system whose processes are killed and frozen while four phones upload (seed ${seed})`, () => {
  let data: string;
  let system: RunningSystem;
  let clients: Client[];
  let photo: Uint8Array;
  const accepted: Accepted[] = [];

  beforeAll(async () => {
    process.stdout.write(`kill.test.ts: seed ${seed}\n`);
    data = await mkdtemp(join(tmpdir(), "strongroom-kill-"));
    const environment = { STRONGROOM_TIME_DIVISOR: "15", STRONGROOM_JOBS: "2" };
    system = await startSystem({
      dataDirectory: data,
      port: 0,
      databaseUrl: null,
      log: silentLog,
      environment,
    });
    clients = await Promise.all(drivers.map((name) => clientFor(system.url, system.issuer, name)));
    for (const [index, client] of clients.slice(0, 3).entries()) {
      const body = { platform: "web" as const, pushToken: `phone ${index}` };
      await client.call("registerDevice", { params: { id: systemIds.uuid() }, body });
    }
    const sample = join(import.meta.dirname, "..", "samples", "delivery-note.jpg");
    photo = await sharp(sample).resize(1500).jpeg().toBuffer();
    for (const injury of shuffle(injuries, random)) {
      const uploads = Promise.all(clients.map((client) => upload(client)));
      await Promise.all([uploads, injure(injury, uploads)]);
    }
    await untilQuiet(superuser());
  }, 150_000);
  afterAll(async () => {
    await system.stop();
    expect(await processesOf(data)).toEqual([]);
    await rm(data, { recursive: true });
  });

  const superuser = () => ({ ...system.superuser, database: "strongroom" });

  test("has stored each document that it accepted, once", async () => {
    const expected = accepted.map(({ id }) => `${id} stored`);
    const rows = await withClient(
      superuser(),
      async (client) =>
        (await client.query<{ id: string; state: string }>("select id, state from document")).rows,
    );
    expect(rows.map(({ id, state }) => `${id} ${state}`).toSorted()).toEqual(expected.toSorted());
    expect(accepted.length).toBeGreaterThanOrEqual(injuries.length * drivers.length);
  });

  test("gives every original back, bit for bit, and a receipt that holds for it", async () => {
    const keys = await clients[0]!.call("receiptKeys", {});
    for (const { client, id, bytes } of accepted) {
      const { document } = await client.call("showDocument", { params: { id } });
      const original = document.artefacts.find(({ name }) => name === "original-1")!;
      const path = join(data, "back.jpg");
      await downloadArtefact(client, id, original, path, new AbortController().signal);
      expect((await readFile(path)).equals(bytes), id).toBe(true);
      const check = await verifyReceipt(await client.call("readReceipt", { params: { id } }), keys, [
        { sha256: sha256Hex(bytes), sizeBytes: bytes.length },
      ]);
      expect(check).toMatchObject({ outcome: "valid", claims: { document: id } });
    }
  });

  test("has events without a gap, one notice per document, an audit that verifies, and no second truth in the vault", async () => {
    await untilQuiet(superuser());
    expect(await findFaults(superuser(), data)).toEqual([]);
  });

  test("has no page lying open in the temporary files of a dead worker", async () => {
    expect(await readdir(join(data, "scratch"))).toHaveLength(3);
  });

  /** A new photo by one phone; it holds out as long as it takes. */
  async function upload(client: Client): Promise<void> {
    const bytes = Buffer.from(padJpeg(photo, photo.length + 100));
    const id = systemIds.uuid();
    const path = join(data, `${id}.jpg`);
    await writeFile(path, bytes);
    await uploadDocument(client, { id, kind: "proof-of-delivery", paths: [path] });
    accepted.push({ client, id, bytes });
  }

  /** At a random moment while there is work in hand, or soon after. */
  async function injure(injury: Injury, uploads: Promise<unknown>): Promise<void> {
    if (injury === "freeze") return await freeze();
    const processor = await untilRunning("processor");
    await untilAtWork(processor, uploads);
    if (injury === "processor at the vault") await untilInVault(processor);
    else await systemClock.sleep(random() * 80);
    const part = injury === "processor at the vault" ? "processor" : injury;
    const pid = await untilRunning(part);
    process.kill(pid, "SIGKILL");
    while ((await untilRunning(part)) === pid) await systemClock.sleep(10);
  }

  /** The processor stands still until another one has taken over what it held; then it goes on, and finds that it lost. */
  async function freeze(): Promise<void> {
    await untilQuiet(superuser()); // a lease that an earlier injury left behind would be taken for work in hand
    const lostBefore = await countLost();
    const { pid, held } = await stopProcessorAtWork();
    const second = await startSecond(pid);
    try {
      while (!(await isTakenOver(held))) await systemClock.sleep(50);
    } finally {
      process.kill(pid, "SIGCONT");
      second.kill("SIGTERM");
    }
    expect(await once(second, "exit")).toEqual([0, null]);
    const now = await claims("");
    const wasTaken = [...held].some(([id, token]) => now.get(id) !== token); // else its last commit was under way when it was stopped
    while (wasTaken && (await countLost()) === lostBefore) await systemClock.sleep(50);
  }

  async function countLost(): Promise<number> {
    return (await readFile(join(data, "workers.log"), "utf8")).split('"outcome":"lost"').length - 1;
  }

  /** Stopped at a moment when it has at least one document in hand; one that died meanwhile of an earlier injury is passed over. */
  async function stopProcessorAtWork(): Promise<{ pid: number; held: Map<string, number> }> {
    for (;;) {
      const pid = await untilRunning("processor");
      try {
        return { pid, held: await stopAtWork(pid) };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
      }
    }
  }

  /** The documents in hand with their tokens. */
  async function stopAtWork(pid: number): Promise<Map<string, number>> {
    for (;;) {
      const uploaded = upload(clients[0]!);
      await untilAtWork(pid, uploaded);
      process.kill(pid, "SIGSTOP");
      const held = await inHand(pid);
      if (held.size > 0) return held;
      process.kill(pid, "SIGCONT");
      await uploaded;
    }
  }

  /** Configured as the first one; ready when it says so. */
  async function startSecond(pid: number): Promise<ChildProcess> {
    const variables = (await readFile(`/proc/${pid}/environ`, "utf8"))
      .split("\0")
      .filter((one) => one !== "");
    const env = Object.fromEntries(
      variables.map((one) => [one.slice(0, one.indexOf("=")), one.slice(one.indexOf("=") + 1)]),
    );
    const second = spawn(process.execPath, [workersMain, "processor"], {
      env,
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
    await once(second, "message");
    return second;
  }

  async function untilRunning(part: keyof ReturnType<RunningSystem["pids"]>): Promise<number> {
    for (;;) {
      const pid = system.pids()[part];
      if (pid !== null) return pid;
      await systemClock.sleep(10);
    }
  }

  /** Resolves when this processor has a document in hand, or, should it have been too quick to be seen, after the uploads. */
  async function untilAtWork(pid: number, uploads: Promise<unknown>): Promise<void> {
    let uploaded = false;
    void uploads.then(() => (uploaded = true));
    while (!uploaded && (await inHand(pid)).size === 0); // a query takes long enough
  }

  /** Resolves when an attempt of this processor has put something into the vault, and not yet committed or just so; or when it has nothing in hand. */
  async function untilInVault(pid: number): Promise<void> {
    for (let held = await inHand(pid); held.size > 0; held = await inHand(pid)) {
      const names = await readdir(join(data, "objects/vault"), { recursive: true });
      if ([...held.keys()].some((id) => names.some((name) => name.includes(`${id}/`)))) return;
    }
  }

  /** Documents that this processor has on a lease, with its tokens. */
  async function inHand(pid: number): Promise<Map<string, number>> {
    return await claims(`join audit on subject = document.id::text and (audit.detail ->> 'token')::int = lease_token
      where state = 'processing' and lease_until > clock_timestamp() and action = 'document.claimed' and actor like '%-${pid}'`);
  }

  async function isTakenOver(held: Map<string, number>): Promise<boolean> {
    const still = await claims("where state = 'processing'");
    return [...held].every(([id, token]) => still.get(id) !== token);
  }

  async function claims(rest: string): Promise<Map<string, number>> {
    return await withClient(superuser(), async (client) => {
      const { rows } = await client.query<{ id: string; token: number }>(
        `select document.id, lease_token::int as token from document ${rest}`,
      );
      return new Map(rows.map(({ id, token }) => [id, token]));
    });
  }
});
