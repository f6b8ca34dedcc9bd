import { relay } from "@strongroom/eks-workers/relay";
import { describeWith } from "@strongroom/local/engines/describe-with";
import { kafkaBroker } from "@strongroom/local/engines/kafka";
import { query } from "@strongroom/local/test-pipeline";
import { newDocumentId, type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openStreams } from "../aws/stream-testbed.ts";
import { follow, type Follower } from "../contract/stream-follower.ts";
import type { DocumentId } from "../ids.ts";
import { silentLog } from "../log.ts";
import type { Ports } from "../ports/ports.ts";
import type { ConsumedRecord } from "../ports/stream.ts";
import { appendEvent } from "./append-event.ts";
import { CloudEvent } from "./event.ts";

const [documents, versions] = [48, 30];
const limitMs = 90_000;

describeWith(kafkaBroker, (kafka) => {
  let world: TestWorld;
  beforeAll(async () => {
    world = await testWorld();
  });
  afterAll(() => world.close());

  test(
    "a broker killed and restarted and a relay that hands over lose no fact, invent none, and keep each document's order",
    { timeout: limitMs },
    async () => {
      const { stream, other, close } = await openStreams(kafka().bootstrap);
      let refused = 0;
      const warn = (event: string) => void (refused += Number(event === "relay.not_acknowledged"));
      const ports = { ...world.ports, stream, log: { ...silentLog, warn } };
      const [first, second] = [startRelay(ports), startRelay(ports)];
      const consumer = follow(other, "warehouse", ["documents"]);
      const ids = Array.from({ length: documents }, newDocumentId);
      await writeFacts(ports, world, ids, 1, 10);
      await consumer.until((handled) => distinct(handled) >= documents);

      const writing = writeFacts(ports, world, ids, 11, 20);
      await consumer.until((handled) => handled.some((record) => eventOf(record).version > 10));
      await kafka().kill();
      await writing;
      await expect.poll(() => refused, { timeout: limitMs }).toBeGreaterThan(0);
      await kafka().restart();
      const more = writeFacts(ports, world, ids, 21, versions);
      await first.stop();
      await more;
      await allPublished(world);
      await everythingComesTo(consumer);
      await second.stop();
      await consumer.leave();
      await expectTheFacts(world, ids, consumer.handled);

      const historian = follow(other, "historian", ["documents"]);
      await everythingComesTo(historian);
      await historian.leave();
      await expectTheFacts(world, ids, historian.handled);
      await close();
    },
  );
});

/** A relay as it runs in its process; of several, the one that holds the lock publishes. */
function startRelay(ports: Ports) {
  const stopping = new AbortController();
  const running = relay({ ports, name: "relay", stopping: stopping.signal });
  const stop = async () => {
    stopping.abort();
    await (
      await running
    ).done;
  };
  return { stop };
}

/** Eight writers, each with its documents, write facts version by version; one in seven is rolled back at first. */
async function writeFacts(
  ports: Ports,
  { dora }: TestWorld,
  ids: DocumentId[],
  from: number,
  to: number,
): Promise<void> {
  const append = (documentId: DocumentId, version: number, fails: boolean) =>
    ports.database.withTenant(dora.tenantId, async (tx) => {
      await appendEvent(ports, tx, {
        documentId,
        version,
        type: "document.edited",
        data: {},
        traceparent: null,
      });
      if (fails) throw new Error("rolled back");
    });
  const write = async (mine: DocumentId[]) => {
    for (let version = from; version <= to; version++) {
      for (const [index, documentId] of mine.entries()) {
        if ((version + index) % 7 === 0)
          await expect(append(documentId, version, true)).rejects.toThrow("rolled back");
        await append(documentId, version, false);
      }
    }
  };
  const writers = Map.groupBy(ids.entries(), ([index]) => index % 8);
  await Promise.all([...writers.values()].map((mine) => write(mine.map(([, id]) => id))));
}

async function unpublished(world: TestWorld): Promise<number> {
  const [row] = await query<{ count: string }>(
    world,
    "select count(*) from outbox where published_at is null",
  );
  return Number(row!.count);
}

const allPublished = (world: TestWorld) =>
  expect.poll(() => unpublished(world), { timeout: limitMs }).toBe(0);

const everythingComesTo = (consumer: Follower) =>
  consumer.until((handled) => distinct(handled) >= documents * versions);

const eventOf = (record: ConsumedRecord) => CloudEvent.parse(JSON.parse(record.value));
const distinct = (records: ConsumedRecord[]) => new Set(records.map((record) => eventOf(record).id)).size;

/** What came is what was committed, and whoever drops the versions that they have seen counts 1, 2, 3 … per document. */
async function expectTheFacts(world: TestWorld, ids: DocumentId[], records: ConsumedRecord[]): Promise<void> {
  const rows = await query<{ event_id: string }>(
    world,
    "select event_id from outbox where topic = 'documents'",
  );
  const events = records.map(eventOf);
  expect(new Set(events.map((event) => event.id))).toEqual(new Set(rows.map((row) => row.event_id)));
  const seen = new Map<string, number[]>(ids.map((id) => [id, []]));
  for (const { subject, version } of events) {
    const of = seen.get(subject)!;
    if (version > (of.at(-1) ?? 0)) of.push(version);
  }
  const everyVersion = Array.from({ length: versions }, (_, index) => index + 1);
  for (const id of ids) expect(seen.get(id)).toEqual(everyVersion);
  const places = Map.groupBy(records, (record) => record.key);
  for (const of of places.values()) expect(new Set(of.map((record) => record.partition)).size).toBe(1);
}
