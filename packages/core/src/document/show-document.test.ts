import { announce, asOwner, newPage, receive, setDocument, walkTo } from "@strongroom/local/test-documents";
import { declare, newDocumentId, type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DocumentView } from "../api-shapes.ts";
import type { Refusal } from "../errors.ts";
import { listKinds } from "./list-kinds.ts";
import { showDocument } from "./show-document.ts";

let world: TestWorld;
beforeAll(async () => (world = await testWorld()));
afterAll(() => world.close());

describe("a document", () => {
  it("is shown as the contract says, in every state that a person may meet it", async () => {
    const page = newPage();
    const { document } = await announce(world, world.dora, [page], { loadNumber: "L-1", note: "wet" });
    for (const state of ["granted", "expired", "granted", "received", "processing", "failed"] as const) {
      await walkTo(world, document.id, state);
      const seen = await showDocument(world.ports, world.dora, document.id);
      expect(DocumentView.parse(seen)).toEqual(seen);
      expect(seen).toMatchObject({
        state,
        loadNumber: "L-1",
        note: "wet",
        files: [{ position: 1, sha256: declare(page).sha256, name: "page-1.jpg" }],
      });
    }
  });

  it("says why it is where it is, in a code and in plain words", async () => {
    const { id } = await receive(world, world.dora, [newPage()]);
    await walkTo(world, id, "failed");
    await setDocument(world, id, "reason = 'processing_failed', detail = 'Keep the photo, we are on it.'");
    expect(await showDocument(world.ports, world.dora, id)).toMatchObject({
      reason: "processing_failed",
      detail: "Keep the photo, we are on it.",
    });
  });

  it("with more than 200 lines of history shows the latest 200, the oldest of them first", async () => {
    const { id } = await receive(world, world.dora, [newPage()]);
    await asOwner(
      world,
      `insert into audit (tenant_id, entry_id, actor, action, subject)
       select $1, gen_random_uuid(), 'user:test', 'act.' || number, $2 from generate_series(1, 200) number`,
      [world.dora.tenantId, id],
    );
    const { timeline } = await showDocument(world.ports, world.dora, id);
    expect(timeline.map(({ action }) => action)).toEqual(
      Array.from({ length: 200 }, (_, index) => `act.${index + 1}`),
    );
  });
});

describe("a document that is not there for this person", () => {
  it("is answered alike, whether it is unknown, a colleague's, another tenant's or erased: ids reveal nothing", async () => {
    const erased = await receive(world, world.dora, [newPage()]);
    await walkTo(world, erased.id, "erased");
    const emils = await receive(world, world.emil, [newPage()]);
    const franzs = await receive(world, world.franz, [newPage()]);
    const answers = await Promise.all(
      [newDocumentId(), erased.id, emils.id, franzs.id].map((id) =>
        showDocument(world.ports, world.dora, id).catch((error: Refusal) => ({
          code: error.code,
          status: error.status,
          message: error.message,
          details: error.details,
          retryAfterSeconds: error.retryAfterSeconds,
        })),
      ),
    );
    expect(answers[0]).toMatchObject({
      code: "not_found",
      status: 404,
      message: expect.stringContaining("There is no such document.") as string,
    });
    for (const answer of answers) expect(answer).toEqual(answers[0]);
  });

  it("an agent sees every driver's of their tenant, and none of another", async () => {
    const emils = await receive(world, world.emil, [newPage()]);
    const franzs = await receive(world, world.franz, [newPage()]);
    expect(await showDocument(world.ports, world.agnes, emils.id)).toMatchObject({
      ownerId: world.emil.userId,
    });
    await expect(showDocument(world.ports, world.agnes, franzs.id)).rejects.toMatchObject({
      code: "not_found",
    });
  });
});

it("kinds are those of the person's tenant, by name", async () => {
  await asOwner(
    world,
    "insert into document_kind (tenant_id, name, title, retention_days) values ($1, 'avis', 'Avis', 30)",
    [world.franz.tenantId],
  );
  const [doras, franzs] = await Promise.all(
    [world.dora, world.franz].map((actor) => listKinds(world.ports, actor)),
  );
  expect(franzs!.kinds[0]).toEqual({ name: "avis", title: "Avis", retentionDays: 30 });
  expect(doras!.kinds.map(({ name }) => name)).toEqual([
    "bill-of-lading",
    "cmr",
    "invoice",
    "licence",
    "other",
    "proof-of-delivery",
    "receipt",
  ]);
});
