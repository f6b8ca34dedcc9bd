import { randomBytes } from "node:crypto";
import { processOnce, query, receive, rowOf, standInRenderer } from "@strongroom/local/test-pipeline";
import { declare, newDocumentId, type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { editDocument } from "../document/edit-document.ts";
import type { Doorbell } from "../job/ring-doorbell.ts";
import type { ConsumedRecord, Stream } from "../ports/stream.ts";
import { acceptUpload } from "../upload/accept-upload.ts";
import { CloudEvent } from "./event.ts";
import { appendEvent } from "./append-event.ts";
import { relayEvents, type RelayPorts } from "./relay-events.ts";

let world: TestWorld;
beforeAll(async () => {
  let seed = 20_261_101;
  const random = () => ((seed = (seed * 48_271) % 2_147_483_647) - 1) / 2_147_483_646; // minimal standard generator: the run repeats
  world = await testWorld({ faults: { random, duplicate: 0.2, reorder: 0.3, delayMs: 2, loseAnswer: 0.1 } });
});
afterAll(() => world.close());
beforeEach(() => query(world, "update outbox set published_at = now() where published_at is null"));

/** The stream as it stands, key by key; a perfect reader on the test's own connection. */
async function published(documentId: string, topic = "documents"): Promise<CloudEvent[]> {
  const rows = await query<Pick<ConsumedRecord, "value">>(
    world,
    "select value from embedded.stream_record where topic = $2 and key = $1 order by record_offset",
    [documentId, topic],
  );
  return rows.map(({ value }) => CloudEvent.parse(JSON.parse(value)));
}
const waiting = async (documentId: string) =>
  (
    await query<{ version: number }>(
      world,
      "select version from outbox where document_id = $1 and published_at is null order by id",
      [documentId],
    )
  ).map(({ version }) => version);
const receiptOf = async (documentId: string) =>
  (
    await query<{ jws: string; created_at: Date }>(world, "select * from receipt where document_id = $1", [
      documentId,
    ])
  )[0];

/** A stream without faults of its own, whose publishing the test may change. */
function quiet(publish?: Stream["publish"]): RelayPorts & { sent: CloudEvent[] } {
  const sent: CloudEvent[] = [];
  const keep: Stream["publish"] = async (_topic, records) => {
    sent.push(...records.map(({ value }) => CloudEvent.parse(JSON.parse(value))));
    return records.map(() => ({ acknowledged: true }));
  };
  return { ...world.ports, sent, stream: { ...world.ports.stream, publish: publish ?? keep } };
}

async function stored(): Promise<Doorbell> {
  const bell = await receive(world, world.dora, [randomBytes(100)]);
  while ((await processOnce(world.ports, bell)) === "retried")
    await query(world, "update document set retry_at = null where id = $1", [bell.documentId]);
  return bell;
}

async function granted(): Promise<string> {
  const { document } = await acceptUpload(world.ports, world.dora, {
    id: newDocumentId(),
    kind: "cmr",
    files: [declare(randomBytes(10))],
  });
  return document.id;
}

const edit = (documentId: string, note: string) =>
  editDocument(world.ports, world.dora, { documentId, ifMatch: null, edit: { note } });

describe("versions of a document", () => {
  it("run from 1 without a gap over all of its facts, whoever writes at the same time", async () => {
    const { documentId } = await stored();
    await Promise.all(Array.from({ length: 12 }, (_, n) => edit(documentId, `note ${n}`)));
    const rows = await query<{ version: number; type: string }>(
      world,
      "select version, type from outbox where document_id = $1 and topic = 'documents' order by id",
      [documentId],
    );
    expect(rows.map(({ version }) => version)).toEqual(Array.from({ length: 15 }, (_, n) => n + 1));
    expect(rows.slice(0, 3).map(({ type }) => type)).toEqual([
      "upload.accepted",
      "document.received",
      "document.stored",
    ]);
  });

  it("are not raised by facts that do not move it", async () => {
    const bell = await stored();
    await world.ports.database.withTenant(bell.tenantId, (tx) =>
      appendEvent(world.ports, tx, {
        documentId: bell.documentId,
        version: 3,
        type: "document.read",
        traceparent: null,
        data: {},
      }),
    );
    expect(await rowOf(world, bell)).toMatchObject({ version: 3 });
  });
});

describe("the relay", () => {
  it("publishes CloudEvents: key and subject are the document, with version, cell, tenant and trace", async () => {
    const bell = await stored();
    const ports = quiet();
    await relayEvents(ports);
    const { traceparent } = await rowOf(world, bell);
    expect(ports.sent.at(-1)).toMatchObject({
      specversion: "1.0",
      source: "strongroom/even",
      type: "document.stored.v1",
      subject: bell.documentId,
      tenant: bell.tenantId,
      cell: "even",
      version: 3,
      traceparent,
      data: { ownerId: world.dora.userId },
    });
    expect(new Set(ports.sent.map(({ id }) => id)).size).toBe(3);
  });

  it("keeps the order of every document through duplicates, reordering and lost answers, and loses nothing", async () => {
    const ids = await Promise.all(Array.from({ length: 6 }, granted));
    await Promise.all(ids.flatMap((id) => Array.from({ length: 5 }, (_, n) => edit(id, `note ${n}`))));
    for (let left = 1; left > 0;) {
      await relayEvents(world.ports);
      left = (await query(world, "select id from outbox where published_at is null")).length;
    }
    let repeats = 0;
    for (const id of ids) {
      const versions = (await published(id)).map(({ version }) => version);
      repeats += versions.length - 6;
      const first = versions.filter((version, at) => versions.indexOf(version) === at);
      expect(first).toEqual([1, 2, 3, 4, 5, 6]);
    }
    expect(repeats).toBeGreaterThan(0); // otherwise the faults were not on
  });

  it("publishes again what it published before it was killed, under the same ids", async () => {
    const id = await granted();
    await edit(id, "a note");
    const first = quiet();
    const { database } = world.ports;
    const system = new Proxy(database.system, {
      get: (target, name) => {
        if (name === "updateTable") throw new Error("killed before the mark");
        const member: unknown = Reflect.get(target, name, target);
        return typeof member === "function" ? member.bind(target) : member;
      },
    });
    await expect(relayEvents({ ...first, database: { ...database, system } })).rejects.toThrow("killed");
    const second = quiet();
    expect(await relayEvents(second)).toMatchObject({ published: 2, failedKeys: 0 });
    expect(second.sent).toEqual(first.sent);
    expect(await relayEvents(quiet())).toMatchObject({ published: 0 });
  });

  it("stops for a key that fails, and for that key only; its order is kept when it goes on", async () => {
    const [bad, good] = [await granted(), await granted()];
    for (const id of [bad, good]) for (const note of ["a", "b"]) await edit(id, note);
    const refuse = new Set([`${bad} 2`]);
    const outcomes: string[] = [];
    const publish: Stream["publish"] = async (_topic, records) => {
      const stopped = new Set<string>();
      return records.map(({ key, value }) => {
        const name = `${key} ${CloudEvent.parse(JSON.parse(value)).version}`;
        if (refuse.has(name)) stopped.add(key);
        if (!stopped.has(key)) outcomes.push(name);
        return stopped.has(key)
          ? { acknowledged: false, error: new Error("refused") }
          : { acknowledged: true };
      });
    };
    expect(await relayEvents(quiet(publish))).toEqual({ published: 4, failedKeys: 1, failed: [bad] });
    expect(await waiting(bad)).toEqual([2, 3]);
    expect(await waiting(good)).toEqual([]);
    await edit(good, "c");
    expect(await relayEvents(quiet(publish), { passedOver: new Set([bad]) })).toMatchObject({ published: 1 });
    refuse.clear();
    expect(await relayEvents(quiet(publish))).toMatchObject({ published: 2, failed: [] });
    expect(outcomes.filter((name) => name.startsWith(bad))).toEqual([`${bad} 1`, `${bad} 2`, `${bad} 3`]);
  });

  it("leaves what a transaction has not committed yet, and publishes it afterwards in its place", async () => {
    const [slow, fast] = [await granted(), await granted()];
    await relayEvents(quiet());
    const hold = Promise.withResolvers<void>();
    const written = Promise.withResolvers<void>();
    const committing = world.ports.database.withTenant(world.dora.tenantId, async (tx) => {
      await appendEvent(world.ports, tx, {
        documentId: slow,
        version: 2,
        type: "document.edited",
        traceparent: null,
        data: {},
      });
      written.resolve();
      await hold.promise;
    });
    await written.promise;
    await edit(fast, "later id, earlier commit");
    const ports = quiet();
    await relayEvents(ports);
    expect(ports.sent.map(({ subject }) => subject)).toEqual([fast]);
    hold.resolve();
    await committing;
    await relayEvents(ports);
    expect(ports.sent.map(({ subject }) => subject)).toEqual([fast, slow]);
  });
});

describe("a receipt", () => {
  it("is signed before anybody hears that the document is stored", async () => {
    const { documentId } = await stored();
    const there: boolean[] = [];
    const ports = quiet(async (_topic, records) => {
      if (records.some(({ value }) => value.includes("document.stored.v1")))
        there.push((await receiptOf(documentId)) !== undefined);
      return records.map(() => ({ acknowledged: true }));
    });
    await relayEvents(ports);
    expect(there).toEqual([true]);
  });

  it("is signed once, although the event is published many times", async () => {
    const { documentId } = await stored();
    const refusing = quiet(async (_topic, records) =>
      records.map(() => ({ acknowledged: false, error: new Error("down") })),
    );
    await relayEvents(refusing);
    const first = await receiptOf(documentId);
    let signed = 0;
    const keys = {
      ...world.ports.keys,
      sign: (bytes: Uint8Array) => (signed++, world.ports.keys.sign(bytes)),
    };
    await relayEvents({ ...refusing, keys });
    await relayEvents({ ...quiet(), keys });
    expect(await receiptOf(documentId)).toEqual(first);
    expect(signed).toBe(0);
  });

  it("that cannot be signed stops that document only, until it can", async () => {
    const [bad, good] = [await stored(), await stored()];
    const keys: RelayPorts["keys"] = {
      ...world.ports.keys,
      sign: async (bytes) => {
        if (
          Buffer.from(bytes)
            .toString()
            .split(".")
            .some((part) => Buffer.from(part, "base64url").includes(bad.documentId))
        )
          throw new Error("no signature");
        return await world.ports.keys.sign(bytes);
      },
    };
    const ports = quiet();
    expect(await relayEvents({ ...ports, keys })).toMatchObject({ failed: [bad.documentId], published: 3 });
    expect(ports.sent.map(({ subject }) => subject)).toEqual(
      Array.from({ length: 3 }, () => good.documentId),
    );
    expect(await receiptOf(bad.documentId)).toBeUndefined();
    expect(await relayEvents(ports)).toMatchObject({ failed: [], published: 3 });
    expect(await receiptOf(bad.documentId)).toBeDefined();
  });
});

it("what is rejected is told as well, and gets no receipt", async () => {
  const bell = await receive(world, world.dora, [randomBytes(9)]);
  await processOnce(world.ports, bell, {
    renderer: standInRenderer(() => ({ outcome: "unsupported", detected: null })),
  });
  const ports = quiet();
  await relayEvents(ports);
  expect(ports.sent.at(-1)).toMatchObject({
    type: "document.rejected.v1",
    data: { ownerId: world.dora.userId, reason: "unsupported_type" },
  });
  expect(await receiptOf(bell.documentId)).toBeUndefined();
});

it("one holder in the whole system has the relay's lock, and it passes on when that one goes", async () => {
  const { database } = world.ports;
  const first = (await database.lock("strongroom.relay"))!;
  expect(await database.lock("strongroom.relay")).toBeNull();
  await first.release();
  const second = (await database.lock("strongroom.relay"))!;
  await query(
    world,
    `select pg_terminate_backend(pid) from pg_locks join pg_database on pg_database.oid = database
     where locktype = 'advisory' and datname = current_database() and pid <> pg_backend_pid()`,
  );
  await new Promise((resolve) =>
    second.lost.aborted ? resolve(null) : second.lost.addEventListener("abort", resolve),
  );
  expect(second.lost.aborted).toBe(true);
});
