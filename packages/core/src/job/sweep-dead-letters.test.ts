import { announce, asOwner, newPage, receive, walkTo } from "@strongroom/local/test-documents";
import { newDocumentId, putAll, type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { withClient } from "../database/roles.ts";
import { showDocument } from "../document/show-document.ts";
import type { QueueName } from "../ports/queue.ts";
import { writeUploadEvent } from "../ports/upload-event.ts";
import { sweepDeadLetters } from "./sweep-dead-letters.ts";

let world: TestWorld;
const told: string[] = [];
beforeAll(async () => {
  const log = { info: () => {}, warn: () => {}, error: (event: string) => void told.push(event) };
  world = await testWorld({ log });
});
afterAll(() => world.close());
afterEach(async () => {
  told.length = 0;
  await asOwner(world, "update document set state = 'erased', lease_until = null where state = 'received'");
  await withClient(world.database.connections.embedded, (client) =>
    client.query("delete from embedded.queue_message"),
  );
});

/** Takes every message of a queue from it. */
async function drain(queue: QueueName): Promise<string[]> {
  const messages = await world.ports.queue.receive(queue, { max: 10, waitMs: 0, visibilityMs: 60_000 });
  for (const { receipt } of messages) await world.ports.queue.acknowledge(queue, receipt);
  return messages.map(({ body }) => body);
}

/** A message that was delivered five times, and never acknowledged. */
async function bury(queue: QueueName, body: string): Promise<void> {
  await drain(queue);
  await world.ports.queue.send(queue, body);
  for (let delivery = 0; delivery < 5; delivery++)
    await world.ports.queue.receive(queue, { max: 10, waitMs: 0, visibilityMs: 0 });
  expect(await dead(queue)).toBe(1);
}
const dead = async (queue: QueueName) => (await world.ports.queue.depth(queue)).dead;
const bell = (documentId: string) => JSON.stringify({ tenantId: world.dora.tenantId, documentId });

describe("a dead bell", () => {
  it.each(["documents", "late"] as const)(
    "in “%s” is rung anew for a document that still waits, and acknowledged",
    async (queue) => {
      const { id } = await receive(world, world.dora, [newPage()]);
      await bury(queue, bell(id));
      await drain("documents");
      expect(await sweepDeadLetters(world.ports)).toBe(1);
      expect(await dead(queue)).toBe(0);
      expect((await drain("documents")).map((body) => JSON.parse(body) as unknown)).toEqual([
        { tenantId: world.dora.tenantId, documentId: id },
      ]);
    },
  );

  it.each(["granted", "stored", "failed", "rejected", "erased"] as const)(
    "for a document that is %s is acknowledged in silence",
    async (state) => {
      const { document } = await announce(world, world.dora, [newPage()]);
      await walkTo(world, document.id, state);
      await bury("documents", bell(document.id));
      expect(await sweepDeadLetters(world.ports)).toBe(1);
      expect(await dead("documents")).toBe(0);
      expect(await drain("documents")).toEqual([]);
    },
  );

  it("for an unknown document is acknowledged in silence", async () => {
    await bury("documents", bell(newDocumentId()));
    expect(await sweepDeadLetters(world.ports)).toBe(1);
    expect(await drain("documents")).toEqual([]);
  });
});

describe("a dead event of an upload", () => {
  it("is ingested after all, and acknowledged", async () => {
    const page = newPage();
    const { document, uploads } = await announce(world, world.dora, [page]);
    await putAll(uploads, [page]);
    const [file] = await asOwner<{ staging_key: string }>(
      world,
      "select staging_key from document_file where document_id = $1",
      [document.id],
    );
    await bury("ingest", writeUploadEvent(file!.staging_key));
    expect(await sweepDeadLetters(world.ports)).toBe(1);
    expect(await dead("ingest")).toBe(0);
    expect(await showDocument(world.ports, world.dora, document.id)).toMatchObject({ state: "received" });
  });

  it("whose work fails again is kept for the next round, and told", async () => {
    await bury(
      "ingest",
      writeUploadEvent(`s/${world.dora.tenantId}/${newDocumentId()}/${newDocumentId()}/${"0".repeat(32)}`),
    );
    const head = () => Promise.reject(new Error("no store"));
    expect(await sweepDeadLetters({ ...world.ports, objects: { ...world.ports.objects, head } })).toBe(0);
    expect(await dead("ingest")).toBe(1);
    expect(told).toEqual(["dead_letter.kept"]);
  });
});

describe("many dead letters", () => {
  const buryMany = async (count: number) => {
    for (let at = 0; at < count; at++) await world.ports.queue.send("documents", bell(newDocumentId()));
    while ((await dead("documents")) < count)
      await world.ports.queue.receive("documents", { max: 10, waitMs: 0, visibilityMs: 0 });
  };

  it("are gone through in one round", async () => {
    await buryMany(25);
    expect(await sweepDeadLetters(world.ports)).toBe(25);
    expect(await dead("documents")).toBe(0);
  });

  it("are left to the next round after five seconds", async () => {
    await buryMany(25);
    let nowMs = 0;
    const clock = { ...world.ports.clock, monotonicMs: () => (nowMs += 2_500) };
    expect(await sweepDeadLetters({ ...world.ports, clock })).toBe(20);
    expect(await dead("documents")).toBe(5);
  });
});

describe("a dead letter that cannot be read", () => {
  it.each([
    ["ingest", "not json"],
    ["ingest", "{}"],
    ["documents", "not json"],
    ["documents", '{"tenantId":"1"}'],
    ["late", "null"],
  ] as const)("stays in “%s” and is told: %s", async (queue, body) => {
    await bury(queue, body);
    expect(await sweepDeadLetters(world.ports)).toBe(0);
    expect(await dead(queue)).toBe(1);
    expect(told).toEqual(["dead_letter.kept"]);
  });

  it("does not keep a readable one beside it", async () => {
    const { id } = await receive(world, world.dora, [newPage()]);
    await drain("documents");
    await world.ports.queue.send("documents", "not json");
    await world.ports.queue.send("documents", bell(id));
    for (let delivery = 0; delivery < 5; delivery++)
      await world.ports.queue.receive("documents", { max: 10, waitMs: 0, visibilityMs: 0 });
    expect(await sweepDeadLetters(world.ports)).toBe(1);
    expect(await dead("documents")).toBe(1);
  });
});
