import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { writeUploadEvent } from "@strongroom/core/ports/upload-event";
import type { Queue } from "@strongroom/core/ports/queue";
import { withClient } from "@strongroom/core/database/roles";
import { usePorts } from "@strongroom/functions/ports";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { runSchedules } from "./schedule.ts";
import { processOnce, query, receive } from "./test-pipeline.ts";
import { testWorld, type TestWorld } from "./test-world.ts";

let world: TestWorld;
let stopping: AbortController;
let running: Promise<void>;
beforeEach(async () => {
  world = await testWorld({ periods: { reconcile: 20, keepExpired: 1, gather: 30 } });
  stopping = new AbortController();
  running = Promise.resolve();
});
afterEach(async () => {
  stopping.abort();
  await running;
  await world.close();
});

describe("what runs by the clock", () => {
  test("takes upload notifications from their queue, and leaves those that it could not read for another time", async () => {
    usePorts(world.ports);
    await world.ports.queue.send("ingest", writeUploadEvent("s/nobody/knows/this/key"));
    await world.ports.queue.send("ingest", "no notification");
    const handled = Promise.withResolvers<void>();
    const seen: string[] = [];
    const queue: Queue = {
      ...world.ports.queue,
      acknowledge: async (...args) => {
        await world.ports.queue.acknowledge(...args);
        if (seen.push("acknowledged") === 2) handled.resolve();
      },
      release: async (...args) => {
        await world.ports.queue.release(...args);
        if (seen.push("released") === 2) handled.resolve();
      },
    };
    running = runSchedules({ ...world.ports, queue }, stopping.signal);
    await handled.promise;
    expect(seen.toSorted()).toEqual(["acknowledged", "released"]);
    expect(await queueRows("select body from embedded.queue_message")).toEqual([{ body: "no notification" }]);
  });

  test("gathers those that come within a moment, and takes them together", async () => {
    usePorts(world.ports);
    const event = writeUploadEvent("s/nobody/knows/this/key");
    const { clock, config } = world.ports;
    const handled = Promise.withResolvers<void>();
    const seen: string[] = [];
    const queue: Queue = {
      ...world.ports.queue,
      receive: async (name, wish) => {
        const messages = await world.ports.queue.receive(name, wish);
        if (messages.length > 0) seen.push(`${messages.length} of ${wish.max}`);
        return messages;
      },
      acknowledge: async (...args) => {
        await world.ports.queue.acknowledge(...args);
        if (seen.push("acknowledged") === 4) handled.resolve();
      },
    };
    const sleep: typeof clock.sleep = async (delayMs, signal) => {
      if (delayMs !== config.periods.gather) return await clock.sleep(delayMs, signal);
      if (seen.length === 1) await queue.send("ingest", event);
    };
    await queue.send("ingest", event);
    running = runSchedules({ ...world.ports, queue, clock: { ...clock, sleep } }, stopping.signal);
    await handled.promise;
    expect(seen).toEqual(["1 of 10", "1 of 9", "acknowledged", "acknowledged"]);
  });

  test("goes on taking them after the queue could not be reached", async () => {
    usePorts(world.ports);
    let outages = 1;
    const taken = Promise.withResolvers<void>();
    const queue: Queue = {
      ...world.ports.queue,
      receive: async (...args) => {
        if (outages-- > 0) throw new Error("connection refused");
        return await world.ports.queue.receive(...args);
      },
      acknowledge: async (...args) => {
        await world.ports.queue.acknowledge(...args);
        taken.resolve();
      },
    };
    await world.ports.queue.send("ingest", writeUploadEvent("s/nobody/knows/this/key"));
    running = runSchedules({ ...world.ports, queue }, stopping.signal);
    await taken.promise;
  });

  test("sweeps for orphans at once, and if that was not its turn, again after a round of the reconciler", async () => {
    const stray =
      "s/6f1d0c52-3a0e-4c5b-9d57-0a4b8c1f7e01/01890000-0000-7000-8000-000000000000/01890000-0000-7000-8000-000000000001/stray";
    await world.ports.objects.put(stray, Readable.from(["x"]), { sizeBytes: 1, mediaType: "text/plain" });
    const other = await world.ports.database.lock("strongroom.sweep");
    const refused = Promise.withResolvers<void>();
    const swept = Promise.withResolvers<void>();
    const lock: typeof world.ports.database.lock = async (name) => {
      const held = await world.ports.database.lock(name);
      if (held === null) refused.resolve();
      return held;
    };
    const remove: typeof world.ports.objects.remove = async (...args) => {
      await world.ports.objects.remove(...args);
      swept.resolve();
    };
    const ports = {
      ...world.ports,
      database: { ...world.ports.database, lock },
      objects: { ...world.ports.objects, remove },
    };
    usePorts(ports);
    running = runSchedules(ports, stopping.signal);
    await refused.promise;
    expect(await world.ports.objects.head(stray)).not.toBeNull();
    await other!.release();
    await swept.promise;
    expect(await world.ports.objects.head(stray)).toBeNull();
  });

  test("does not keep the system from its end: a sweep that takes long is left behind, as at a crash", async () => {
    const [begun, over] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    async function* list(...args: Parameters<typeof world.ports.objects.list>) {
      begun.resolve();
      await over.promise;
      yield* world.ports.objects.list(...args);
    }
    const ports = { ...world.ports, objects: { ...world.ports.objects, list } };
    usePorts(ports);
    const left = runSchedules(ports, stopping.signal, 20);
    onTestFinished(() => over.resolve());
    await begun.promise;
    stopping.abort();
    await expect(left).rejects.toThrow("a round was left behind 20 ms after the stop");
  });
});

describe("what is stored", () => {
  test("is read back by the clock, and a fault is told; to be told to stop ends it in the middle of an object", async () => {
    const due = await testWorld({ periods: { fixity: 1, fixityRound: 20 } });
    const first = new AbortController();
    let ended: Promise<void> = Promise.resolve();
    onTestFinished(async () => {
      first.abort();
      stopping.abort();
      await Promise.allSettled([ended, running]);
      await due.close();
    });
    const bell = await receive(due, due.dora, [randomBytes(1_000)]);
    await processOnce(due.ports, bell);
    usePorts(due.ports);
    const [found, reading] = [Promise.withResolvers<unknown>(), Promise.withResolvers<void>()];
    const error = (event: string, fields = {}) => found.resolve({ event, ...fields });
    const head: typeof due.ports.objects.head = async (key) =>
      key.includes("original-1") ? null : await due.ports.objects.head(key);
    const log = { ...due.ports.log, error };
    ended = runSchedules({ ...due.ports, log, objects: { ...due.ports.objects, head } }, first.signal);
    expect(await found.promise).toMatchObject({ event: "fixity.failed", documentId: bell.documentId });
    first.abort();
    await ended;
    const read = async () => new Readable({ read: () => reading.resolve() });
    await query(due, "update document set fixity_checked_at = null, fixity_fault = null");
    running = runSchedules({ ...due.ports, objects: { ...due.ports.objects, read } }, stopping.signal);
    await reading.promise;
    stopping.abort();
    await running;
  });
});

const queueRows = (sql: string): Promise<unknown[]> =>
  withClient(world.database.superuser, async (client) => (await client.query(sql)).rows);
