import { newDocumentId, type TestWorld, testWorld } from "@strongroom/local/test-world";
import { eventsOf, newPage, receive, walkTo } from "@strongroom/local/test-documents";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { claimDocument } from "./claim-document.ts";
import { redriveDocument } from "./redrive-document.ts";

let world: TestWorld;
beforeAll(async () => (world = await testWorld()));
afterAll(() => world.close());

describe("a failed document", () => {
  it("goes its way again, as if it had never been tried", async () => {
    const { ports, dora, agnes } = world;
    const { id } = await receive(world, dora, [newPage()]);
    await walkTo(world, id, "failed");
    const before = await eventsOf(world, id);
    const document = await redriveDocument(ports, agnes, id);
    expect(document).toMatchObject({ state: "received", reason: null, detail: null, settledAt: null });
    expect(document.timeline.at(-1)!.action).toBe("document.redriven");
    expect((await eventsOf(world, id)).slice(before.length)).toEqual([
      `document.redriven ${document.version}`,
    ]);
    const claim = await claimDocument(ports, { tenantId: dora.tenantId, documentId: id }, "worker:test");
    expect(claim!.document).toMatchObject({ retries: 0, claims: 0, decode_crashes: 0 });
  });

  it("is redriven once, however many ask", async () => {
    const { ports, dora, agnes } = world;
    const { id } = await receive(world, dora, [newPage()]);
    await walkTo(world, id, "failed");
    const outcomes = await Promise.allSettled([1, 2, 3].map(() => redriveDocument(ports, agnes, id)));
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });
});

it.each(["received", "stored", "rejected"] as const)(
  "a document that is %s is not redriven",
  async (state) => {
    const { id } = await receive(world, world.dora, [newPage()]);
    if (state !== "received") await walkTo(world, id, state);
    await expect(redriveDocument(world.ports, world.agnes, id)).rejects.toMatchObject({
      code: "not_failed",
      status: 409,
    });
  },
);

it("another tenant's document is not there", async () => {
  await expect(redriveDocument(world.ports, world.agnes, newDocumentId())).rejects.toMatchObject({
    code: "not_found",
  });
});
