import { processOnce } from "@strongroom/local/test-pipeline";
import { asOwner, newPage, receive } from "@strongroom/local/test-documents";
import { type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { claimDocument } from "./claim-document.ts";
import { releaseDocument } from "./release-document.ts";
import { Doorbell } from "./ring-doorbell.ts";
import { ringSilent } from "./ring-silent.ts";
import { turnsPerTenant } from "./turn.ts";

let world: TestWorld;
beforeAll(async () => (world = await testWorld()));
afterAll(() => world.close());
afterEach(async () => {
  await asOwner(world, "update document set state = 'erased', lease_until = null where state = 'received'");
  while ((await take()) !== null);
});

/** The next bell that a worker hears, in its order: `late` only when `documents` is empty. Null when there is none. */
async function take(): Promise<Doorbell | null> {
  for (const queue of ["documents", "late"] as const) {
    const [message] = await world.ports.queue.receive(queue, { max: 1, waitMs: 0, visibilityMs: 1_000 });
    if (!message) continue;
    await world.ports.queue.acknowledge(queue, message.receipt);
    return Doorbell.parse(JSON.parse(message.body));
  }
  return null;
}

/** Documents in the order in which one worker stores them. */
async function workOff(): Promise<string[]> {
  const stored: string[] = [];
  for (let bell = await take(); bell !== null; bell = await take())
    if ((await processOnce(world.ports, bell)) === "stored") stored.push(bell.documentId);
  return stored;
}

async function send(actor: TestWorld["dora"], documents: number): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < documents; n += 1) ids.push((await receive(world, actor, [newPage()])).id);
  return ids;
}

describe("while one company floods", () => {
  it("another's documents are served in turns with its, and each company's own first come, first served", async () => {
    const flood = await send(world.franz, 6);
    const others = await send(world.dora, 3);
    const order = await workOff();
    expect(order).toHaveLength(9);
    expect(order.filter((id) => flood.includes(id))).toEqual(flood);
    expect(order.filter((id) => others.includes(id))).toEqual(others);
    // behind the two that had their turn before, then two of each in turns
    expect(others.map((id) => order.indexOf(id))).toEqual([2, 3, 6]);
  });

  it("one that comes late in it waits for as little", async () => {
    await send(world.franz, 5);
    for (let n = 0; n < 2; n += 1) await processOnce(world.ports, (await take())!);
    const [late] = await send(world.dora, 1);
    expect((await workOff()).indexOf(late!)).toBe(turnsPerTenant);
  });

  it("bells rung anew for its silent documents leave the others room as well", async () => {
    await send(world.franz, 4);
    while ((await take()) !== null); // all bells are lost
    const [other] = await send(world.dora, 1);
    while ((await take()) !== null);
    await asOwner(world, "update document set rung_at = clock_timestamp() - interval '2 minutes'");
    expect(await ringSilent(world.ports)).toBe(5);
    const order = await workOff();
    expect(order).toHaveLength(5);
    expect(order.indexOf(other!)).toBeLessThanOrEqual(turnsPerTenant);
  });
});

it("a company that is alone is served whether or not its turns are handed on: a bell waits for each document", async () => {
  const ids = await send(world.franz, 6);
  const bells: (Doorbell | null)[] = [];
  for (let n = 0; n < 6; n += 1) bells.push(await take()); // workers that take all before anybody claims
  expect(bells.map((bell) => bell!.documentId)).toEqual(ids);
});

it("claims at one moment hand their turns to different documents", async () => {
  const [, , ...waiting] = await send(world.franz, 6);
  const bells = [(await take())!, (await take())!];
  const claims = await Promise.all(bells.map((bell) => claimDocument(world.ports, bell, "worker:test")));
  expect(claims.map((claim) => claim!.next!.id).toSorted()).toEqual(waiting.slice(0, 2).toSorted());
  for (const claim of claims) await releaseDocument(world.ports, claim!);
  await workOff();
});

it("a document hands its turn on once: not when it is claimed again, nor one that had none", async () => {
  const ids = await send(world.franz, 6);
  const first = (await claimDocument(world.ports, (await take())!, "worker:test"))!;
  expect(first.next!.id).toBe(ids[2]);
  await asOwner(
    world,
    "update document set lease_until = clock_timestamp() - interval '1 hour' where id = $1",
    [first.document.id],
  );
  const bell = { tenantId: world.franz.tenantId, documentId: first.document.id } as Doorbell;
  expect(await claimDocument(world.ports, bell, "worker:test")).toMatchObject({ next: null });
  const waiting = { ...bell, documentId: ids[5] } as Doorbell;
  expect(await claimDocument(world.ports, waiting, "worker:test")).toMatchObject({ next: null });
  await asOwner(
    world,
    "update document set state = 'failed', reason = 'test', lease_until = null where state = 'processing'",
  );
});
