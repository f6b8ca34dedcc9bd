import {
  announce,
  asOwner,
  declareInParts,
  eventsOf,
  newPage,
  receive,
  walkTo,
} from "@strongroom/local/test-documents";
import { newDocumentId, putAll, type TestWorld, testWorld } from "@strongroom/local/test-world";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { showDocument } from "../document/show-document.ts";
import { systemIds } from "../ids.ts";
import { acceptUpload } from "./accept-upload.ts";
import { completeUpload } from "./complete-upload.ts";
import { ingestUpload } from "./ingest-upload.ts";
import { stagingKey } from "./staging-key.ts";

let world: TestWorld;
beforeAll(async () => (world = await testWorld()));
afterAll(() => world.close());

const keysOf = async (id: string) =>
  (
    await asOwner<{ staging_key: string }>(
      world,
      "select staging_key from document_file where document_id = $1 order by position",
      [id],
    )
  ).map((row) => row.staging_key);
const ingest = (key: string) => ingestUpload(world.ports, key);
const show = (id: string) => showDocument(world.ports, world.dora, id);
/** Puts an object where no signed upload would. */
const plant = (key: string, bytes: Uint8Array) =>
  world.ports.objects.put(key, Readable.from([Buffer.from(bytes)]), {
    sizeBytes: bytes.length,
    mediaType: "image/jpeg",
  });

describe("events of uploads", () => {
  it("mark page after page as arrived, and the last one receives the document before its client says anything", async () => {
    const pages = [newPage(), newPage()];
    const { document, uploads } = await announce(world, world.dora, pages);
    await putAll(uploads, pages);
    const keys = await keysOf(document.id);
    await ingest(keys[1]!);
    expect(await show(document.id)).toMatchObject({ state: "granted", missing: [1], version: 1 });
    await ingest(keys[0]!);
    const received = await show(document.id);
    expect(received).toMatchObject({ state: "received", missing: [], version: 2 });
    expect(await completeUpload(world.ports, world.dora, document.id)).toEqual(received);
  });

  it("that are repeated, late or out of order change nothing", async () => {
    const pages = [newPage(), newPage()];
    const { document, uploads } = await announce(world, world.dora, pages);
    const keys = await keysOf(document.id);
    await ingest(keys[0]!); // before its object
    await putAll(uploads, pages);
    for (const key of [keys[1]!, keys[1]!, keys[0]!, keys[1]!, keys[0]!]) await ingest(key);
    await walkTo(world, document.id, "processing");
    await ingest(keys[0]!);
    expect(await show(document.id)).toMatchObject({ state: "processing", version: 2 });
    expect(await eventsOf(world, document.id)).toEqual(["upload.accepted 1", "document.received 2"]);
  });

  it("of all pages at one moment receive the document exactly once", async () => {
    for (let round = 0; round < 5; round++) {
      const pages = [newPage(), newPage(), newPage()];
      const { document, uploads } = await announce(world, world.dora, pages);
      await putAll(uploads, pages);
      await Promise.all((await keysOf(document.id)).map(ingest));
      expect(await show(document.id)).toMatchObject({ state: "received", missing: [] });
      expect(await eventsOf(world, document.id)).toEqual(["upload.accepted 1", "document.received 2"]);
    }
  });

  it("that were handled only half are made good by the next delivery", async () => {
    const page = newPage();
    const { document, uploads } = await announce(world, world.dora, [page]);
    await putAll(uploads, [page]);
    const [key] = await keysOf(document.id);
    await asOwner(world, "update document_file set arrived_at = now() where document_id = $1", [document.id]); // died here
    await ingest(key!);
    expect(await show(document.id)).toMatchObject({ state: "received" });
  });

  it("of a file in parts judge it as a whole", async () => {
    const bytes = newPage(16 * 1024 * 1024 + 1);
    const { document, uploads } = await acceptUpload(world.ports, world.dora, {
      id: newDocumentId(),
      kind: "cmr",
      files: [declareInParts(bytes)],
    });
    await putAll(uploads, [bytes]);
    const [file] = await asOwner<{ staging_key: string; upload_id: string }>(
      world,
      "select staging_key, upload_id from document_file where document_id = $1",
      [document.id],
    );
    await ingest(file!.staging_key);
    expect(await show(document.id)).toMatchObject({ state: "granted", missing: [1] });
    const parts = await world.ports.objects.listParts(file!.staging_key, file!.upload_id);
    await world.ports.objects.completeParts(file!.staging_key, file!.upload_id, parts); // joined, and died
    await ingest(file!.staging_key);
    expect(await show(document.id)).toMatchObject({ state: "received" });
  });
});

describe("an event that tells of something else", () => {
  it.each(["", "v/ab/some/thing", "s/1/2/3/4", `s/${systemIds.uuid()}`])("%j, is ignored", async (key) => {
    await ingest(key);
  });

  it("a key of an unknown document, of another tenant's, or of an earlier grant, is ignored", async () => {
    const page = newPage();
    const { document, uploads } = await announce(world, world.dora, [page, page]);
    const fileId = uploads[0]!.fileId;
    const owner = { tenantId: world.dora.tenantId, documentId: document.id, fileId };
    const strangers = [
      { ...owner, documentId: newDocumentId() },
      { ...owner, tenantId: world.franz.tenantId },
      { ...owner, tenantId: systemIds.uuid() },
      owner,
    ];
    for (const stranger of strangers) {
      const key = stagingKey(systemIds, stranger);
      await plant(key, page);
      await ingest(key);
    }
    expect(await show(document.id)).toMatchObject({ state: "granted", missing: [1, 2] });
  });

  it("an object of another length, or of other bytes, is never taken for the page", async () => {
    const page = newPage();
    const { document } = await announce(world, world.dora, [page, page]);
    const [shorter, other] = await keysOf(document.id);
    await plant(shorter!, page.subarray(1));
    await plant(other!, newPage(page.length));
    await ingest(shorter!);
    await ingest(other!);
    await expect(completeUpload(world.ports, world.dora, document.id)).rejects.toMatchObject({
      details: { missing: [1, 2] },
    });
    expect(await show(document.id)).toMatchObject({ state: "granted", missing: [1, 2] });
  });

  it("a page of an expired grant does not bring it back", async () => {
    const page = newPage();
    const { document, uploads } = await announce(world, world.dora, [page]);
    await putAll(uploads, [page]);
    await walkTo(world, document.id, "expired");
    const [key] = await keysOf(document.id);
    await ingest(key!);
    expect(await show(document.id)).toMatchObject({ state: "expired" });
  });

  it("a page that is received already leaves document and events alone", async () => {
    const { id, version } = await receive(world, world.dora, [newPage()]);
    const [key] = await keysOf(id);
    await ingest(key!);
    expect(await show(id)).toMatchObject({ state: "received", version });
  });
});
