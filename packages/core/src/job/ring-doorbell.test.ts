import { type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, beforeAll, expect, it } from "vitest";
import { systemClock } from "../clock.ts";
import { DocumentId, systemIds } from "../ids.ts";
import type { QueueName } from "../ports/queue.ts";
import { Doorbell, ringDoorbell } from "./ring-doorbell.ts";

let world: TestWorld;
beforeAll(async () => (world = await testWorld()));
afterAll(() => world.close());

const receivedAt = new Date("2026-01-01T00:00:00Z");
const ring = () => ({
  tenant_id: world.dora.tenantId,
  id: systemIds.uuid(),
  received_at: receivedAt,
  traceparent: null,
  waits_turn: false,
});
const at = (ms: number) => ({
  ...world.ports,
  clock: { ...systemClock, now: () => new Date(receivedAt.getTime() + ms) },
});

async function queuesWith(id: string): Promise<QueueName[]> {
  const heard: QueueName[] = [];
  for (const queue of ["documents", "late"] as const) {
    const messages = await world.ports.queue.receive(queue, { max: 10, waitMs: 0, visibilityMs: 0 });
    if (messages.some(({ body }) => body.includes(id))) heard.push(queue);
  }
  return heard;
}

it.each([
  [0, "documents"],
  [5 * 60_000 - 1, "documents"],
  [5 * 60_000, "documents"],
  [5 * 60_000 + 1, "late"],
] as const)(
  "a document received %i ms ago is rung for in the queue “%s”: fresh work goes first",
  async (ageMs, queue) => {
    const document = ring();
    await ringDoorbell(at(ageMs), document);
    expect(await queuesWith(document.id)).toEqual([queue]);
  },
);

it("a document whose turn it is not yet is rung for among the over-age work, however fresh it is", async () => {
  const document = { ...ring(), waits_turn: true };
  await ringDoorbell(at(0), document);
  expect(await queuesWith(document.id)).toEqual(["late"]);
});

it("a bell may wait, and is not heard before", async () => {
  const document = ring();
  await ringDoorbell(at(0), document, 60_000);
  expect(await queuesWith(document.id)).toEqual([]);
});

it("a bell that cannot be rung is told and forgotten: the document is committed already", async () => {
  const told: string[] = [];
  const log = { ...world.ports.log, warn: (event: string) => void told.push(event) };
  const queue = { ...world.ports.queue, send: () => Promise.reject(new Error("no queue")) };
  await ringDoorbell({ ...at(0), log, queue }, ring());
  expect(told).toEqual(["doorbell.lost"]);
});

it("a bell names tenant and document, and nothing that is no such name is taken for one", () => {
  const bell = { tenantId: world.dora.tenantId, documentId: DocumentId.parse(systemIds.uuid()) };
  expect(Doorbell.parse(JSON.parse(JSON.stringify(bell)))).toEqual(bell);
  for (const other of [
    {},
    { ...bell, tenantId: "1" },
    { ...bell, documentId: world.dora.tenantId },
    [bell],
    null,
  ]) {
    expect(Doorbell.safeParse(other).success).toBe(false);
  }
});
