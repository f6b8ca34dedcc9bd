import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Client } from "@strongroom/cli/client";
import { withClient } from "@strongroom/core/database/roles";
import { systemIds } from "@strongroom/core/ids";
import { padJpeg } from "@strongroom/local/test-files";
import { declare, newDocumentId, putAll } from "@strongroom/local/test-world";
import { startWhole, untilQuiet, type WholeSystem } from "@strongroom/local/test-whole";
import { afterAll, beforeAll, expect, it } from "vitest";
import { measureMachine, refuseSlow } from "./pace.ts";

/*
 * P9: what is down is not asked more than when it was there. Documents, every fifth of them no document at all, come at an even pace, first with everything there, then
 * while one dependency refuses whatever it is asked: it must see at most 1.2 times the requests of the first time, and
 * none may fail in the end. On a machine that is too slow to send them at that pace, by spins that have nothing to do with the system, nothing is judged: the test fails, and says so. Every period is divided by 15, so that 20 s stand for five minutes.
 */
const [divisor, documents, paceMs] = [15, 40, 500];

type Ports = WholeSystem["ports"];
/** What each dependency is asked for, whoever asks. */
const asked = {
  keys: (ports: Ports) => watch(ports.keys, "generateDataKey", refuse),
  vault: (ports: Ports) => watch(ports.objects, "put", refuse),
  stream: (ports: Ports) =>
    watch(ports.stream, "publish", async (_topic, records) =>
      records.map(() => ({ acknowledged: false, error: new Error("the stream is away") })),
    ),
  push: (ports: Ports) => watch(ports.push, "send", refuse),
};
type Dependency = keyof typeof asked;
type Watched = { requests: number; isAway: boolean };

const refuse = () =>
  Promise.reject(Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" }));

/** Counts the calls of one method, and lets another answer while it is away. */
function watch<Port extends object, Name extends keyof Port>(
  port: Port,
  name: Name,
  away: Port[Name],
): Watched {
  const watched: Watched = { requests: 0, isAway: false };
  const there = port[name] as (...input: unknown[]) => unknown;
  port[name] = ((...input: unknown[]) => {
    watched.requests += 1;
    return (watched.isAway ? (away as typeof there) : there).call(port, ...input);
  }) as Port[Name];
  return watched;
}

let system: WholeSystem;
let driver: Client;
let photo: Uint8Array;
let watched: Record<Dependency, Watched>;
const before = {} as Record<Dependency, number>;
let beforeMs: number;
/** Of the machine, measured whenever nothing of ours runs. */
let slowness: number;

beforeAll(async () => {
  slowness = measureMachine();
  system = await startWhole({ timeDivisor: divisor, maxRetries: 16 });
  driver = await system.clientOf("Dora Lind");
  await driver.call("registerDevice", {
    params: { id: systemIds.uuid() },
    body: { platform: "android", pushToken: "token-of-dora" },
  });
  photo = await readFile(join(import.meta.dirname, "../../packages/local/samples/delivery-note.jpg"));
  const entries = Object.entries(asked).map(([name, of]) => [name, of(system.ports)]);
  watched = Object.fromEntries(entries) as typeof watched;
  beforeMs = await sendAll();
  await untilQuiet(system.superuser);
  slowness = Math.max(slowness, measureMachine());
  for (const [name, { requests }] of Object.entries(watched)) before[name as Dependency] = requests;
}, 90_000);
afterAll(() => system.close());

/** Sends documents at an even pace, whatever becomes of them; answers how long that took, in milliseconds. */
async function sendAll(): Promise<number> {
  const beganMs = performance.now();
  const sending: Promise<void>[] = [];
  for (let n = 0; n < documents; n += 1) {
    sending.push(send(n % 5 === 4 ? randomBytes(1_000) : padJpeg(photo, photo.length + 20)));
    await new Promise((resolve) => setTimeout(resolve, paceMs));
  }
  await Promise.all(sending);
  return performance.now() - beganMs;
}

async function send(bytes: Uint8Array): Promise<void> {
  const id = newDocumentId();
  const body = {
    id,
    kind: "cmr",
    loadNumber: null,
    note: null,
    replaces: null,
    files: [declare(bytes, "photo.jpg")],
  };
  const { uploads } = await driver.call("acceptUpload", { body });
  await putAll(uploads, [bytes]);
  await driver.call("completeUpload", { params: { id } });
}

it.each(Object.keys(asked) as Dependency[])(
  "%s that is away is asked for at most 1.2 times as often as when it was there, and nothing fails of it",
  { timeout: 120_000 },
  async (name) => {
    const one = watched[name];
    one.requests = 0;
    one.isAway = true;
    const tookMs = await sendAll();
    const { requests } = one;
    one.isAway = false;
    await untilQuiet(system.superuser);
    slowness = Math.max(slowness, measureMachine());
    refuseSlow("with everything there", beforeMs, documents * paceMs, slowness);
    refuseSlow(`while ${name} was away`, tookMs, documents * paceMs, slowness);
    expect(before[name]).toBeGreaterThanOrEqual(documents / 2);
    expect(requests).toBeGreaterThan(2);
    expect(requests, `while there ${before[name]}`).toBeLessThanOrEqual(1.2 * before[name]);
    expect(await countStates()).toEqual([{ state: "rejected" }, { state: "stored" }]);
  },
);

async function countStates(): Promise<unknown[]> {
  return await withClient(
    system.superuser,
    async (client) =>
      (await client.query("select distinct state from document order by state")).rows as unknown[],
  );
}
