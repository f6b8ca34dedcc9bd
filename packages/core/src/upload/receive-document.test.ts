import {
  announce,
  asOwner,
  declareInParts,
  eventsOf,
  newPage,
  walkTo,
} from "@strongroom/local/test-documents";
import { declare, newDocumentId, putAll, type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { editDocument } from "../document/edit-document.ts";
import { showDocument } from "../document/show-document.ts";
import { acceptUpload } from "./accept-upload.ts";
import { completeUpload } from "./complete-upload.ts";
import { receiveDocument, type ReceivePorts } from "./receive-document.ts";

let world: TestWorld;
beforeAll(async () => (world = await testWorld()));
afterAll(() => world.close());

const ofDora = (documentId: string) => ({ tenantId: world.dora.tenantId, documentId });
const show = (id: string) => showDocument(world.ports, world.dora, id);

/** Ports whose store lets something happen right after it first answered what lies under a key. */
function meanwhile(happens: () => Promise<unknown>): ReceivePorts {
  let happened: Promise<unknown> | null = null;
  const head: ReceivePorts["objects"]["head"] = async (key) => {
    const there = await world.ports.objects.head(key);
    happened ??= happens();
    await happened;
    return there;
  };
  return { ...world.ports, objects: { ...world.ports.objects, head } };
}

describe("a client that died after its last part", () => {
  it("loses nothing: the server joins the parts and receives the document", async () => {
    const [small, large] = [newPage(), newPage(16 * 1024 * 1024 + 1)];
    const files = [declare(small), declareInParts(large)];
    const { document, uploads } = await acceptUpload(world.ports, world.dora, {
      id: newDocumentId(),
      kind: "cmr",
      files,
    });
    expect(await putAll(uploads, [small, large])).toEqual([200, 200, 200, 200]);
    expect(await receiveDocument(world.ports, ofDora(document.id), "system:reconciler")).toEqual({
      missing: [],
    });
    expect(await show(document.id)).toMatchObject({ state: "received", missing: [] });
  });

  it("also when several notice it at once", async () => {
    const large = newPage(16 * 1024 * 1024 + 1);
    const request = { id: newDocumentId(), kind: "cmr", files: [declareInParts(large)] };
    await putAll((await acceptUpload(world.ports, world.dora, request)).uploads, [large]);
    const looks = await Promise.all(
      [1, 2, 3].map(() => receiveDocument(world.ports, ofDora(request.id), "system:reconciler")),
    );
    expect(looks).toEqual([{ missing: [] }, { missing: [] }, { missing: [] }]);
    expect(await eventsOf(world, request.id)).toEqual(["upload.accepted 1", "document.received 2"]);
  });
});

describe("when the pages change during the look", () => {
  it("a page added meanwhile is waited for, not passed over", async () => {
    const [first, second] = [newPage(), newPage()];
    const { document, uploads } = await announce(world, world.dora, [first]);
    await putAll(uploads, [first]);
    const files = [{ id: document.files[0]!.id }, declare(second)];
    const ports = meanwhile(() =>
      editDocument(world.ports, world.dora, { documentId: document.id, ifMatch: null, edit: { files } }),
    );
    expect(await receiveDocument(ports, ofDora(document.id), "system:test")).toEqual({ missing: [2] });
    expect(await show(document.id)).toMatchObject({ state: "granted", missing: [2] });
  });

  it("the client that completes is told which page is missing now", async () => {
    const [first, second] = [newPage(), newPage()];
    const { document, uploads } = await announce(world, world.dora, [first]);
    await putAll(uploads, [first]);
    const files = [declare(second), { id: document.files[0]!.id }];
    const ports = meanwhile(() =>
      editDocument(world.ports, world.dora, { documentId: document.id, ifMatch: null, edit: { files } }),
    );
    await expect(completeUpload(ports, world.dora, document.id)).rejects.toMatchObject({
      code: "upload_incomplete",
      details: { missing: [1] },
    });
  });

  it("a note made meanwhile keeps nobody from receiving, and is kept", async () => {
    const page = newPage();
    const { document, uploads } = await announce(world, world.dora, [page]);
    await putAll(uploads, [page]);
    const ports = meanwhile(() =>
      editDocument(world.ports, world.dora, {
        documentId: document.id,
        ifMatch: null,
        edit: { note: "wet" },
      }),
    );
    expect(await receiveDocument(ports, ofDora(document.id), "system:test")).toEqual({ missing: [] });
    expect(await show(document.id)).toMatchObject({ state: "received", note: "wet", version: 3 });
  });

  it("a grant that was revived meanwhile waits for all of its pages under the new keys", async () => {
    const pages = [newPage(), newPage()];
    const request = { id: newDocumentId(), kind: "cmr", files: pages.map((page) => declare(page)) };
    const { uploads } = await acceptUpload(world.ports, world.dora, request);
    await putAll(uploads.slice(0, 1), pages);
    const ports = meanwhile(async () => {
      await walkTo(world, request.id, "expired");
      await acceptUpload(world.ports, world.dora, request);
    });
    expect(await receiveDocument(ports, ofDora(request.id), "system:test")).toEqual({ missing: [2] });
    expect(await show(request.id)).toMatchObject({ state: "granted", missing: [1, 2] });
  });
});

describe("at any time and in any state", () => {
  it.each(["expired", "received", "processing", "stored", "failed", "erased"] as const)(
    "a document that is %s is left as it is",
    async (state) => {
      const page = newPage();
      const { document, uploads } = await announce(world, world.dora, [page]);
      await putAll(uploads, [page]);
      await walkTo(world, document.id, state);
      expect(await receiveDocument(world.ports, ofDora(document.id), "system:test")).toEqual({ missing: [] });
      expect(
        await asOwner(world, "select state, version from document where id = $1", [document.id]),
      ).toEqual([{ state, version: 1 }]);
    },
  );

  it("one that is unknown, or another tenant's, is nothing to receive", async () => {
    const page = newPage();
    const { document, uploads } = await announce(world, world.dora, [page]);
    await putAll(uploads, [page]);
    expect(await receiveDocument(world.ports, ofDora(newDocumentId()), "system:test")).toEqual({
      missing: [],
    });
    await receiveDocument(
      world.ports,
      { ...ofDora(document.id), tenantId: world.franz.tenantId },
      "system:test",
    );
    expect(await show(document.id)).toMatchObject({ state: "granted" });
  });
});

it("what is published holds hashes and sizes of every page in order, and who it belongs to, but no name", async () => {
  const pages = [newPage(10), newPage(20)];
  const { document, uploads } = await announce(world, world.dora, pages, { note: "secret note" });
  await putAll(uploads, pages);
  const { confirmationCode } = await completeUpload(world.ports, world.dora, document.id);
  const [event] = await asOwner<{ data: Record<string, unknown> }>(
    world,
    "select data from outbox where document_id = $1 and type = 'document.received'",
    [document.id],
  );
  expect(event!.data).toEqual({
    ownerId: world.dora.userId,
    confirmationCode,
    duplicateOf: null,
    files: pages.map((page, index) => ({
      position: index + 1,
      sha256: declare(page).sha256,
      sizeBytes: page.length,
    })),
  });
});
