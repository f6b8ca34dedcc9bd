import { announce, asOwner, eventsOf, newPage, receive, walkTo } from "@strongroom/local/test-documents";
import { newDocumentId, type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HoldRequest } from "../api-shapes.ts";
import { showDocument } from "../document/show-document.ts";
import { eraseDocument } from "./erase-document.ts";
import { holdDocument } from "./hold-document.ts";

let world: TestWorld;
beforeAll(async () => (world = await testWorld()));
afterAll(() => world.close());

const hold = (documentId: string, wanted: HoldRequest, ifMatch: string | null = null) =>
  holdDocument(world.ports, world.arne, { documentId, ifMatch, hold: wanted });
const erase = (id: string) => eraseDocument(world.ports, world.arne, id);
const set: HoldRequest = { held: true, reason: "claim", reference: "CASE-2026/17" };
const lift: HoldRequest = { held: false, reason: "closed", reference: "CASE-2026/17" };
const inMinutes = (minutes: number) => new Date(Date.now() + minutes * 60_000).toISOString();

describe("a document under a hold", () => {
  it("is not erased, nor begun to be, until the hold is lifted", async () => {
    const { id } = await receive(world, world.dora, [newPage()]);
    expect(await hold(id, set)).toMatchObject({ legalHold: true, heldUntil: null, version: 3 });
    await expect(erase(id)).rejects.toMatchObject({ code: "held", status: 409 });
    expect(await hold(id, lift)).toMatchObject({ legalHold: false, version: 4, state: "received" });
    await erase(id);
    expect(await eventsOf(world, id)).toEqual([
      "upload.accepted 1",
      "document.received 2",
      "document.held 3",
      "document.released 4",
      "document.erased 5",
    ]);
  });

  it("with an end is free after it, by the database's clock", async () => {
    const { id } = await receive(world, world.dora, [newPage()]);
    const until = inMinutes(60);
    expect(await hold(id, { ...set, until })).toMatchObject({ legalHold: false, heldUntil: until });
    await expect(erase(id)).rejects.toMatchObject({ code: "held" });
    await asOwner(world, "update document set held_until = clock_timestamp() where id = $1", [id]);
    await erase(id);
  });

  it("may be given its end in any time zone, and has it in UTC", async () => {
    const { id } = await receive(world, world.dora, [newPage()]);
    const wanted = HoldRequest.parse({ ...set, until: "2099-06-30T01:30:00+02:00" });
    expect(await hold(id, wanted)).toMatchObject({ heldUntil: "2099-06-29T23:30:00.000Z" });
    const [line] = await asOwner(world, "select detail from audit where subject = $1 and action = $2", [
      id,
      "document.held",
    ]);
    expect(line).toMatchObject({ detail: { until: "2099-06-29T23:30:00.000Z" } });
  });

  it("leaves a line in the audit that says why, and no words of people", async () => {
    const { id } = await receive(world, world.dora, [newPage()]);
    await hold(id, set);
    const [line] = await asOwner(
      world,
      "select actor, detail from audit where subject = $1 and action = $2",
      [id, "document.held"],
    );
    expect(line).toEqual({
      actor: `user:${world.arne.userId}`,
      detail: { reason: "claim", reference: "CASE-2026/17", until: null, version: 3 },
    });
    expect(HoldRequest.safeParse({ ...set, reference: "Mr. Smith" }).success).toBe(false);
  });
});

describe("several holds", () => {
  it("do not touch one another: the document is free when the last of them is", async () => {
    const { id } = await receive(world, world.dora, [newPage()]);
    const until = inMinutes(60);
    const claim = { ...set, reference: "CASE-1" };
    const audit: HoldRequest = { held: true, reason: "audit", reference: "constructor", until };
    await hold(id, claim);
    expect(await hold(id, audit)).toMatchObject({ legalHold: true, heldUntil: until });
    await expect(erase(id)).rejects.toThrow(`CASE-1, until it is lifted; constructor, until ${until}`);
    const first = await hold(id, { ...lift, reference: "CASE-1" });
    expect(first).toMatchObject({ legalHold: false, heldUntil: until });
    expect(await hold(id, { ...lift, reference: "CASE-1" })).toEqual(first);
    await expect(erase(id)).rejects.toMatchObject({ code: "held" });
    expect(await hold(id, { ...lift, reference: "constructor" })).toMatchObject({ heldUntil: null });
    await erase(id);
  });

  it("are shown by their references to who sees the whole tenant, and to nobody else", async () => {
    const { id } = await receive(world, world.dora, [newPage()]);
    const until = inMinutes(60);
    await asOwner(world, "update document set legal_hold = true where id = $1", [id]); // by a release that knew one alone
    await hold(id, { ...set, reference: "CASE-2", until });
    const { holds } = await hold(id, { ...set, reference: "CASE-1" });
    const all = [
      { reference: null, until: null },
      { reference: "CASE-1", until: null },
      { reference: "CASE-2", until },
    ];
    expect(holds).toEqual(all);
    expect((await showDocument(world.ports, world.agnes, id)).holds).toEqual(all);
    expect((await showDocument(world.ports, world.dora, id)).holds).toBeNull();
  });

  it("last as long as the longest, and one's end may be moved", async () => {
    const { id } = await receive(world, world.dora, [newPage()]);
    const [sooner, later, latest] = [inMinutes(10), inMinutes(20), inMinutes(30)];
    await hold(id, { ...set, until: later });
    expect(await hold(id, { ...set, reference: "X", until: sooner })).toMatchObject({ heldUntil: later });
    expect(await hold(id, { ...set, reference: "X", until: latest })).toMatchObject({ heldUntil: latest });
    expect(await hold(id, { ...set, reference: "X", until: sooner })).toMatchObject({ heldUntil: later });
  });

  it("that a release before this one set are kept, and lifted without a reference", async () => {
    const { id } = await receive(world, world.dora, [newPage()]);
    await asOwner(world, "update document set legal_hold = true where id = $1", [id]);
    await hold(id, set);
    expect(await hold(id, lift)).toMatchObject({ legalHold: true });
    await expect(erase(id)).rejects.toThrow("a hold without a reference, until it is lifted");
    expect(await hold(id, { held: false, reason: "closed" })).toMatchObject({ legalHold: false });
    await erase(id);
  });
});

it("a hold that a release before this one lifted or shortened can be set again", async () => {
  const { id } = await receive(world, world.dora, [newPage()]);
  const until = inMinutes(60);
  for (const sum of [
    "legal_hold = false, held_until = null",
    `legal_hold = false, held_until = '${until}'`,
  ]) {
    await hold(id, set);
    await asOwner(world, `update document set ${sum} where id = $1`, [id]);
    expect(await hold(id, set)).toMatchObject({ legalHold: true });
  }
});

describe("setting a hold", () => {
  it("that would be over already is refused, and holds nothing", async () => {
    const { id } = await receive(world, world.dora, [newPage()]);
    const over = { ...set, until: "2020-01-01T00:00:00.000Z" };
    await expect(hold(id, over)).rejects.toMatchObject({ code: "hold_over", status: 422 });
    await erase(id);
  });

  it("with an end is a request, lifting one with an end is none", () => {
    const until = inMinutes(-60);
    expect(HoldRequest.safeParse({ ...set, until }).success).toBe(true);
    expect(HoldRequest.safeParse({ ...lift, until: null }).success).toBe(true);
    const { error } = HoldRequest.safeParse({ ...lift, until });
    expect(error!.issues).toEqual([
      expect.objectContaining({ path: ["until"], message: expect.stringContaining("leave it out") }),
    ]);
  });

  it("twice changes nothing the second time", async () => {
    const { id } = await receive(world, world.dora, [newPage()]);
    const first = await hold(id, set);
    expect(await hold(id, set)).toEqual(first);
    expect(await hold(id, set, '"1-old"')).toEqual(first);
  });

  it("on another version than was seen is refused", async () => {
    const { id } = await receive(world, world.dora, [newPage()]);
    await expect(hold(id, set, '"1-abc"')).rejects.toMatchObject({ code: "changed_meanwhile", status: 412 });
    expect(await hold(id, set, '"2-abc"')).toMatchObject({ legalHold: true });
  });

  it("is possible while a worker has the document", async () => {
    const { id } = await receive(world, world.dora, [newPage()]);
    await walkTo(world, id, "processing");
    expect(await hold(id, set)).toMatchObject({ legalHold: true, state: "processing" });
  });

  it("on an unknown or another tenant's document is not found, and on an erased one too late", async () => {
    const foreign = await announce(world, world.franz, [newPage()]);
    for (const id of [newDocumentId(), foreign.document.id])
      await expect(hold(id, set)).rejects.toMatchObject({ code: "not_found", status: 404 });
    const { id } = await receive(world, world.dora, [newPage()]);
    await erase(id);
    await expect(hold(id, set)).rejects.toMatchObject({ code: "erased", status: 410 });
  });
});

it("a hold and an erasure at the same moment: one of them wins, and the other is told", async () => {
  for (let round = 0; round < 5; round += 1) {
    const { id } = await receive(world, world.dora, [newPage()]);
    const [held, erased] = await Promise.allSettled([hold(id, set), erase(id)]);
    expect([held, erased].filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    const told = held.status === "rejected" ? held : (erased as PromiseRejectedResult);
    const codes = told === held ? ["being_erased", "erased"] : ["held"];
    expect(codes).toContain((told.reason as { code: string }).code);
  }
});
