import { announce, asOwner, eventsOf, newPage, setDocument, walkTo } from "@strongroom/local/test-documents";
import { newDocumentId, type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Move, moveDocument } from "./move-document.ts";
import type { DocumentState } from "./document.ts";

let world: TestWorld;
beforeAll(async () => (world = await testWorld()));
afterAll(() => world.close());

async function documentIn(state: DocumentState): Promise<string> {
  const { document } = await announce(world, world.dora, [newPage(10)]);
  await walkTo(world, document.id, state);
  return document.id;
}

const move = (documentId: string, how: Partial<Move> & Pick<Move, "from" | "to">, actor = world.dora) =>
  world.ports.database.withTenant(actor.tenantId, (tx) =>
    moveDocument(world.ports, tx, {
      documentId,
      event: { type: "document.received", data: { some: "fact" } },
      audit: { actor: "system:test", action: "test.moved", detail: { why: "test" } },
      ...how,
    }),
  );

/** Everything that a move leaves. */
async function traces(id: string) {
  const [document] = await asOwner<{ state: string; version: number }>(
    world,
    "select state, version from document where id = $1",
    [id],
  );
  const audit = await asOwner(
    world,
    "select actor, detail from audit where subject = $1 and action = 'test.moved' order by id",
    [id],
  );
  return { ...document, audit, events: (await eventsOf(world, id)).slice(1) };
}

describe("a move", () => {
  it("leaves the new state, a version more, one event and one line of the audit", async () => {
    const id = await documentIn("granted");
    expect(
      await move(id, { from: ["granted"], to: "received", set: { confirmation_code: "AAAA-CCCC" } }),
    ).toMatchObject({
      state: "received",
      version: 2,
      confirmation_code: "AAAA-CCCC",
    });
    expect(await traces(id)).toEqual({
      state: "received",
      version: 2,
      events: ["document.received 2"],
      audit: [{ actor: "system:test", detail: { why: "test", state: "received", version: 2 } }],
    });
  });

  it("without an event keeps the version, and is audited all the same", async () => {
    const id = await documentIn("granted");
    const moved = await world.ports.database.withTenant(world.dora.tenantId, (tx) =>
      moveDocument(world.ports, tx, {
        documentId: id,
        from: ["granted"],
        to: "received",
        audit: { actor: "system:test", action: "test.moved" },
      }),
    );
    expect(moved).toMatchObject({ state: "received", version: 1 });
    expect(await traces(id)).toMatchObject({
      events: [],
      audit: [{ detail: { state: "received", version: 1 } }],
    });
  });

  it("carries the trace of its document into the event", async () => {
    const id = await documentIn("granted");
    await move(id, { from: ["granted"], to: "received" });
    const traced = await asOwner(
      world,
      "select 1 from outbox o join document d on d.id = o.document_id and d.traceparent = o.traceparent where d.id = $1",
      [id],
    );
    expect(traced).toHaveLength(2);
  });
});

describe("a move that is not for this caller answers null and leaves nothing", () => {
  const nothing = { version: 1, events: [], audit: [] };

  it("when the document is in another state by now", async () => {
    const id = await documentIn("received");
    expect(await move(id, { from: ["granted"], to: "expired" })).toBeNull();
    expect(await traces(id)).toEqual({ state: "received", ...nothing });
  });

  it("when the lease is another's", async () => {
    const id = await documentIn("processing");
    await setDocument(world, id, "lease_token = 8");
    for (const token of [7, 9])
      expect(await move(id, { from: ["processing"], to: "stored", token })).toBeNull();
    expect(await traces(id)).toEqual({ state: "processing", ...nothing });
    expect(await move(id, { from: ["processing"], to: "stored", token: 8 })).toMatchObject({
      state: "stored",
    });
  });

  it("when the document changed since this version", async () => {
    const id = await documentIn("granted");
    for (const version of [0, 2])
      expect(await move(id, { from: ["granted"], to: "received", version })).toBeNull();
    expect(await traces(id)).toEqual({ state: "granted", ...nothing });
    expect(await move(id, { from: ["granted"], to: "received", version: 1 })).toMatchObject({
      state: "received",
    });
  });

  it("when it is another tenant's, or unknown", async () => {
    const id = await documentIn("granted");
    expect(await move(id, { from: ["granted"], to: "received" }, world.franz)).toBeNull();
    expect(await move(newDocumentId(), { from: ["granted"], to: "received" })).toBeNull();
    expect(await traces(id)).toEqual({ state: "granted", ...nothing });
  });

  it("when several ask at once, for all but one of them", async () => {
    const id = await documentIn("granted");
    const moved = await Promise.all([1, 2, 3, 4].map(() => move(id, { from: ["granted"], to: "received" })));
    expect(moved.filter((row) => row !== null)).toHaveLength(1);
    expect(await traces(id)).toMatchObject({ version: 2, events: ["document.received 2"] });
  });
});

it("a move that the graph does not have is a fault of ours, and leaves nothing", async () => {
  const id = await documentIn("granted");
  await expect(move(id, { from: ["granted"], to: "stored" })).rejects.toMatchObject({ code: "SR001" });
  expect(await traces(id)).toEqual({ state: "granted", version: 1, events: [], audit: [] });
});
