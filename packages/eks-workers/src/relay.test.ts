import { randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  processOnce,
  query,
  receive,
  type SteppedClock,
  steppedClock,
} from "@strongroom/local/test-pipeline";
import { type TestWorld, testWorld } from "@strongroom/local/test-world";
import type { Log } from "@strongroom/core/log";
import type { Ports } from "@strongroom/core/ports/ports";
import type { Stream } from "@strongroom/core/ports/stream";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { relay } from "./relay.ts";

let world: TestWorld;
let stop: AbortController;
let running: Promise<unknown>[];
beforeEach(async () => {
  world = await testWorld({ periods: { relay: 20, checkpoint: 60_000 } });
  [stop, running] = [new AbortController(), []];
});
afterEach(async () => {
  stop.abort();
  await Promise.all(running);
  await world.close();
});

/** A relay at work, and what it logs. */
async function start({ signal = stop.signal, ...overrides }: Partial<Ports> & { signal?: AbortSignal } = {}) {
  const events: string[] = [];
  const note = (event: string) => void events.push(event);
  const log: Log = { info: note, warn: note, error: note };
  const { done } = await relay({
    ports: { ...world.ports, log, ...overrides },
    name: "relay-test",
    stopping: signal,
  });
  running.push(done);
  return { events, done };
}

async function stored(): Promise<string> {
  const bell = await receive(world, world.dora, [randomBytes(30)]);
  await processOnce(world.ports, bell);
  return bell.documentId;
}

const count = async (sql: string) =>
  (await query<{ count: string }>(world, `select count(*) from ${sql}`)).map((row) => Number(row.count))[0]!;
const unpublished = () => count("outbox where published_at is null");

/** Lets rounds of the relay pass, one by one. */
async function rounds(clock: SteppedClock, number: number): Promise<void> {
  for (let round = 0; round < number; round += 1) {
    await clock.asleep(20);
    clock.pass(20);
  }
  await clock.asleep(20);
}

describe("a relay", () => {
  it("chains the audit, signs receipts, publishes all facts and keeps a checkpoint", async () => {
    await stored();
    await start();
    await vi.waitFor(async () => {
      expect(await unpublished()).toBe(0);
      expect(await count("audit where sequence is null")).toBe(0);
      expect([await count("receipt"), await count("audit_checkpoint")]).toEqual([1, 1]);
    }, 10_000);
    expect(await count("embedded.stream_record where topic = 'documents'")).toBe(3);
  });

  it("is one of many: a second one waits, and takes over when the first stops", async () => {
    const first = new AbortController();
    const one = await start({ signal: first.signal });
    await vi.waitFor(() => expect(one.events).toContain("relay.active"));
    const two = await start();
    await stored();
    await vi.waitFor(async () => expect(await unpublished()).toBe(0), 10_000);
    expect(two.events).not.toContain("relay.active");
    first.abort();
    await one.done;
    await vi.waitFor(() => expect(two.events).toContain("relay.active"), 10_000);
    await stored();
    await vi.waitFor(async () => expect(await unpublished()).toBe(0), 10_000);
  });

  it("that loses its lock stops being the one, and queues for it anew", async () => {
    const { events } = await start();
    await vi.waitFor(() => expect(events).toContain("relay.active"));
    await query(
      world,
      `select pg_terminate_backend(pid) from pg_locks join pg_database on pg_database.oid = database
       where locktype = 'advisory' and datname = current_database() and pid <> pg_backend_pid()`,
    );
    await vi.waitFor(
      () => expect(events.filter((event) => event === "relay.active")).toHaveLength(2),
      10_000,
    );
  });

  it("goes on trying for the lock while the database is away", async () => {
    let tries = 0;
    const database: Ports["database"] = {
      ...world.ports.database,
      lock: (name) => (++tries < 3 ? Promise.reject(new Error("away")) : world.ports.database.lock(name)),
    };
    const { events } = await start({ database });
    await vi.waitFor(
      () => expect(events).toEqual(expect.arrayContaining(["relay.lock_failed", "relay.active"])),
      10_000,
    );
    expect(tries).toBe(3);
  });

  it("goes on publishing although a round fails", async () => {
    const id = await stored();
    let fails = 2;
    const publish: Stream["publish"] = (...args) =>
      fails-- > 0 ? Promise.reject(new Error("down")) : world.ports.stream.publish(...args);
    const { events } = await start({ stream: { ...world.ports.stream, publish } });
    await vi.waitFor(async () => expect(await unpublished()).toBe(0), 10_000);
    expect(events).toContain("relay.round_failed");
    expect(await count(`embedded.stream_record where key = '${id}' and topic = 'documents'`)).toBe(3);
  });
});

describe("after an outage of the stream", () => {
  it("a fact that can never be published does not take every try from those behind it", async () => {
    const poison = await stored(); // the oldest, and so the first of every look
    for (let more = 0; more < 3; more += 1) await stored();
    let [isAway, tries] = [true, 0];
    const publish: Stream["publish"] = async (topic, records) => {
      tries += 1;
      const bad = records.map(({ key }) => isAway || key === poison);
      const sound = await world.ports.stream.publish(
        topic,
        records.filter((_, at) => !bad[at]),
      );
      return bad.map((one) => (one ? { acknowledged: false, error: new Error("no") } : sound.shift()!));
    };
    const periods = { ...world.ports.config.periods, relay: 5, rest: 100, restCap: 200 }; // a key rests for ten rounds
    const config = { ...world.ports.config, periods };
    await start({ config, stream: { ...world.ports.stream, publish } });
    await vi.waitFor(() => expect(tries).toBeGreaterThan(3), 10_000);
    isAway = false;
    await vi.waitFor(async () => expect(await unpublished()).toBe(3), 10_000);
    expect(await count(`outbox where published_at is null and document_id = '${poison}'`)).toBe(3);
  });
});

describe("what one part of the relay cannot do does not keep the others from theirs", () => {
  it("an audit trail that cannot be chained does not hold up events and receipts", async () => {
    await stored();
    await query(world, "revoke update on audit from strongroom_app");
    const { events } = await start();
    await vi.waitFor(async () => expect(await unpublished()).toBe(0), 10_000);
    expect(events).toContain("audit.not_chained");
    expect(await count("receipt")).toBe(1);
  });

  it("a checkpoint that cannot be kept does not hold up events, and is tried again ten times in its period", async () => {
    const clock = steppedClock();
    let tries = 0;
    const objects: Ports["objects"] = {
      ...world.ports.objects,
      put: () => (tries++, Promise.reject(new Error("the vault is full"))),
    };
    await stored();
    await start({ clock, objects });
    await rounds(clock, 3);
    expect(tries).toBe(1);
    expect(await unpublished()).toBe(0);
    clock.pass(6_000);
    await rounds(clock, 3);
    expect(tries).toBe(2);
  });

  it("a document that the stream refuses rests for ten rounds, the others do not", async () => {
    const clock = steppedClock();
    const [bad, good] = [await stored(), await stored()];
    const asked: string[] = [];
    const publish: Stream["publish"] = async (_topic, records) => {
      asked.push(...new Set(records.map(({ key }) => (key === bad ? "bad" : "good"))));
      return records.map(({ key }) =>
        key === bad ? { acknowledged: false, error: new Error("refused") } : { acknowledged: true },
      );
    };
    await start({ clock, stream: { ...world.ports.stream, publish } });
    await rounds(clock, 9);
    expect(asked.toSorted()).toEqual(["bad", "good"]);
    await query(world, "update outbox set published_at = null where document_id = $1 and version = 3", [
      good,
    ]);
    await rounds(clock, 2);
    expect(asked.toSorted()).toEqual(["bad", "bad", "good", "good"]);
  });
});

it("a relay that is told to stop ends, and gives its lock back", async () => {
  const { done, events } = await start();
  await vi.waitFor(() => expect(events).toContain("relay.active"));
  const stopped = once(stop.signal, "abort");
  stop.abort();
  await Promise.all([stopped, done]);
  const lock = (await world.ports.database.lock("strongroom.relay"))!;
  expect(lock).not.toBeNull();
  await lock.release();
});
