import { setImmediate } from "node:timers/promises";
import { announce, asOwner, newPage, receive, setDocument, walkTo } from "@strongroom/local/test-documents";
import { putAll, type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Objects } from "../ports/objects.ts";
import { writeUploadEvent } from "../ports/upload-event.ts";
import { withClient } from "../database/roles.ts";
import { listFiles } from "../document/load-document.ts";
import { showDocument } from "../document/show-document.ts";
import { reconcile } from "./reconcile.ts";

let world: TestWorld;
const told: { event: string; step: unknown }[] = [];
beforeAll(async () => {
  const log = {
    info: () => {},
    warn: () => {},
    error: (event: string, fields?: Record<string, unknown>) =>
      void told.push({ event, step: fields?.["step"] }),
  };
  world = await testWorld({ log });
});
afterAll(() => world.close());
afterEach(async () => {
  told.length = 0;
  await asOwner(
    world,
    "update document set state = 'erased', staging_cleared_at = now() where state <> 'erased'",
  );
  await asOwner(world, "delete from outbox");
  await withClient(world.database.connections.embedded, (client) =>
    client.query("delete from embedded.queue_message"),
  );
});

const nothing = {
  factsLate: 0,
  fixityFaults: 0,
  rung: 0,
  received: 0,
  expired: 0,
  deadLetters: 0,
  stagingCleared: 0,
  erasuresFinished: 0,
  erasedCleared: 0,
  eventsPruned: 0,
  noticesPruned: 0,
};
const round = () => reconcile(world.ports);

/** Something to do for each step of a round. */
async function neglect() {
  const page = newPage();
  const silent = await receive(world, world.dora, [newPage()]);
  await setDocument(world, silent.id, "rung_at = clock_timestamp() - interval '1 hour'");
  const unheard = await announce(world, world.dora, [page]);
  await putAll(unheard.uploads, [page]);
  await setDocument(world, unheard.document.id, "grant_expires_at = grant_expires_at - interval '1 hour'");
  const unfinished = await announce(world, world.dora, [newPage()]);
  await setDocument(
    world,
    unfinished.document.id,
    "grant_expires_at = clock_timestamp() - interval '1 minute'",
  );
  const stored = await receive(world, world.dora, [newPage()]);
  await walkTo(world, stored.id, "stored");
  const erasing = await receive(world, world.dora, [newPage()]);
  await setDocument(
    world,
    erasing.id,
    "erasing_at = clock_timestamp() - interval '2 minutes', erasing_by = 'user:x'",
  );
  await setDocument(world, stored.id, "settled_at = clock_timestamp() - interval '2 days'");
  await asOwner(
    world,
    "update outbox set published_at = clock_timestamp() - interval '8 days' where document_id = $1",
    [stored.id],
  );
  return {
    silent: silent.id,
    unheard: unheard.document.id,
    unfinished: unfinished.document.id,
    stored: stored.id,
    erasing: erasing.id,
  };
}

/** A store that never answers, and a clock on which time goes by only while somebody sleeps. */
function hangingStore() {
  const hang = () => new Promise<never>(() => {});
  const list = () => ({ [Symbol.asyncIterator]: () => ({ next: hang }) });
  const { objects, clock } = world.ports;
  const calls = Object.fromEntries(Object.keys(objects).map((name) => [name, hang])) as unknown as Objects;
  let nowMs = 0;
  const sleep = async (delayMs: number) => void (await setImmediate((nowMs += delayMs)));
  return {
    objects: { ...calls, list, listUploads: list },
    clock: { ...clock, monotonicMs: () => nowMs, sleep },
  };
}

describe("a round", () => {
  it("with nothing to do does nothing, and says so", async () => {
    expect(await round()).toEqual(nothing);
  });

  it("makes good what got lost, and the next one finds nothing left", async () => {
    const { unheard, unfinished } = await neglect();
    expect(await round()).toEqual({
      ...nothing,
      rung: 1,
      received: 1,
      expired: 1,
      stagingCleared: 1,
      erasuresFinished: 1,
      eventsPruned: 2,
    });
    expect((await showDocument(world.ports, world.dora, unheard)).state).toBe("received");
    expect((await showDocument(world.ports, world.dora, unfinished)).state).toBe("expired");
    expect(await round()).toEqual(nothing);
  });

  it("waits for a store that hangs five seconds in each step that needs it, ten for open uploads, and ends in time for the next one", async () => {
    const { stored } = await neglect();
    await setDocument(world, stored, "staging_cleared_at = null");
    const gone = await announce(world, world.dora, [newPage()]);
    await walkTo(world, gone.document.id, "erased");
    const { document } = await announce(world, world.dora, [newPage()]);
    const [file] = await world.ports.database.withTenant(world.dora.tenantId, (tx) =>
      listFiles(tx, document.id),
    );
    await world.ports.queue.send("ingest", writeUploadEvent(file!.staging_key));
    for (let delivery = 0; delivery < 5; delivery++)
      await world.ports.queue.receive("ingest", { max: 10, waitMs: 0, visibilityMs: 0 });
    const ended: unknown[] = [];
    const log = {
      ...world.ports.log,
      info: (event: string, fields?: object) => void ended.push([event, fields]),
    };
    const hanging = { ...world.ports, log, ...hangingStore() };
    const needing = ["received", "expired", "stagingCleared", "erasuresFinished", "erasedCleared"];
    await expect(reconcile(hanging)).rejects.toThrow(`reconcile: failed in ${needing.join(", ")}`);
    const all = new Set(told.map(({ event, step }) => step ?? event));
    expect([...all]).toEqual([...needing.slice(0, 2), "dead_letter.kept", ...needing.slice(2)]);
    const round = { ...nothing, rung: 1, eventsPruned: 2, tookMs: 35_000 };
    for (const step of needing) delete (round as Record<string, number>)[step];
    expect(ended).toContainEqual(["reconcile.done", round]);
  });

  it("goes on with the other steps when one of them fails, and throws in the end, naming it", async () => {
    await neglect();
    const queue = { ...world.ports.queue, receiveDead: () => Promise.reject(new Error("no queue")) };
    await expect(reconcile({ ...world.ports, queue })).rejects.toThrow("reconcile: failed in deadLetters");
    expect(told).toEqual([{ event: "reconcile.step_failed", step: "deadLetters" }]);
    expect(await round()).toEqual(nothing);
  });
});

describe("events that are published", () => {
  it("are pruned after seven days; unpublished ones never", async () => {
    const { document } = await announce(world, world.dora, [newPage()]);
    const publish = (when: string) =>
      asOwner(world, `update outbox set published_at = ${when} where document_id = $1`, [document.id]);
    await asOwner(world, "update outbox set created_at = created_at - interval '400 days'");
    expect(await round()).toMatchObject({ eventsPruned: 0 });
    await publish("clock_timestamp() - interval '6 days 23 hours 59 minutes'");
    expect(await round()).toMatchObject({ eventsPruned: 0 });
    await publish("clock_timestamp() - interval '7 days 1 minute'");
    expect(await round()).toMatchObject({ eventsPruned: 1 });
  });

  it("are pruned ten thousand a round", async () => {
    await announce(world, world.dora, [newPage()]);
    await asOwner(world, "update outbox set published_at = clock_timestamp()");
    await asOwner(
      world,
      `insert into outbox (tenant_id, event_id, document_id, topic, type, version, data, published_at)
       select tenant_id, gen_random_uuid(), document_id, topic, type, version, data, clock_timestamp() - interval '8 days'
       from (select * from outbox limit 1) as one, generate_series(1, 10_500)`,
    );
    expect(await round()).toMatchObject({ eventsPruned: 10_000 });
    expect(await round()).toMatchObject({ eventsPruned: 500 });
  });
});

describe("what the notifier told", () => {
  const tell = (times: number, when: string) =>
    asOwner(
      world,
      `insert into inbox (tenant_id, consumer, event_id, at)
       select $1, 'notifier', gen_random_uuid(), clock_timestamp() - interval '${when}' - n * interval '1 ms'
       from generate_series(1, $2::int) n`,
      [world.dora.tenantId, times],
    );

  it("is forgotten after 21 days; which versions were told, never", async () => {
    await asOwner(
      world,
      "insert into inbox_version (tenant_id, consumer, document_id, version) values ($1, 'notifier', gen_random_uuid(), 3)",
      [world.dora.tenantId],
    );
    await tell(2, "20 days 23 hours 59 minutes");
    expect(await round()).toMatchObject({ noticesPruned: 0 });
    await tell(3, "21 days 1 minute");
    expect(await round()).toMatchObject({ noticesPruned: 3 });
    const [left] = await asOwner(
      world,
      "select (select count(*) from inbox)::int as facts, (select count(*) from inbox_version)::int as versions",
    );
    expect(left).toEqual({ facts: 2, versions: 1 });
  });

  it("is forgotten ten thousand a round, or nearly", async () => {
    await tell(10_500, "22 days");
    const first = (await round())!["noticesPruned"]!;
    expect(first).toBeGreaterThan(9_900);
    expect(first).toBeLessThanOrEqual(10_000);
    expect(await round()).toMatchObject({ noticesPruned: 10_500 - first });
  });
});

describe("what nobody else tells", () => {
  it("is counted each round: facts that have waited for ten minutes, and stored documents that are not intact", async () => {
    const { id } = await receive(world, world.dora, [newPage()]);
    await walkTo(world, id, "stored");
    await setDocument(world, id, "fixity_checked_at = clock_timestamp(), fixity_fault = 'page-1: gone'");
    const [before] = await asOwner<{ facts: number }>(world, "select count(*)::int as facts from outbox");
    const age = (by: string) =>
      asOwner(world, `update outbox set created_at = clock_timestamp() - interval '${by}'`);
    await age("9 minutes 55 seconds");
    expect(await round()).toMatchObject({ factsLate: 0, fixityFaults: 1 });
    await age("10 minutes 1 second");
    expect(await round()).toMatchObject({ factsLate: before!.facts, fixityFaults: 1 });
    expect(before!.facts).toBeGreaterThan(0);
    await asOwner(world, "update outbox set published_at = clock_timestamp()");
    await setDocument(world, id, "fixity_fault = null");
    expect(await round()).toEqual(nothing);
  });
});

describe("one reconciler at a time", () => {
  it("while another holds the lock, a round does nothing and answers null", async () => {
    const { unheard } = await neglect();
    const lock = await world.ports.database.lock("strongroom.reconcile");
    expect(await round()).toBeNull();
    expect((await showDocument(world.ports, world.dora, unheard)).state).toBe("granted");
    await lock!.release();
    expect(await round()).toMatchObject({ received: 1 });
  });

  it("a round gives the lock back, also when all of its steps failed", async () => {
    const system = new Proxy(world.ports.database.system, {
      get: () => () => {
        throw new Error("no database");
      },
    });
    const broken = {
      ...world.ports,
      database: { ...world.ports.database, system },
      queue: { ...world.ports.queue, receiveDead: () => Promise.reject(new Error("no queue")) },
    };
    await expect(reconcile(broken)).rejects.toThrow(Object.keys(nothing).join(", "));
    expect(told.map(({ step }) => step)).toEqual(Object.keys(nothing));
    const lock = await world.ports.database.lock("strongroom.reconcile");
    expect(lock).not.toBeNull();
    await lock!.release();
  });
});
