import {
  announce,
  asOwner,
  declareInParts,
  newPage,
  receive,
  walkTo,
  collect,
} from "@strongroom/local/test-documents";
import { declare, newDocumentId, putAll, type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { FileUpload } from "../api-shapes.ts";
import { systemClock } from "../clock.ts";
import { createEmbeddedObjects } from "../embedded/objects.ts";
import type { Objects } from "../ports/objects.ts";
import { acceptUpload } from "./accept-upload.ts";
import { completeUpload } from "./complete-upload.ts";
import { signUploads } from "./sign-uploads.ts";

const mebibyte = 1024 * 1024;
/** Three parts: 8 MiB, 8 MiB, and one byte. */
const largePage = () => newPage(16 * mebibyte + 1);

let world: TestWorld;
beforeAll(async () => (world = await testWorld()));
afterAll(() => world.close());

const announceLarge = (bytes: Uint8Array) =>
  acceptUpload(world.ports, world.dora, { id: newDocumentId(), kind: "cmr", files: [declareInParts(bytes)] });
const partNumbers = (uploads: FileUpload[]) =>
  uploads.flatMap(({ requests }) => requests.map(({ partNumber }) => partNumber));
const onlyParts = (uploads: FileUpload[], ...wanted: number[]) =>
  uploads.map((upload) => ({
    ...upload,
    requests: upload.requests.filter(({ partNumber }) => wanted.includes(partNumber!)),
  }));

const filesOf = (documentId: string) =>
  asOwner<{ staging_key: string; upload_id: string }>(
    world,
    "select staging_key, upload_id from document_file where document_id = $1",
    [documentId],
  );

/** Starts an upload, and answers once so many have started theirs. */
function startTogether(count: number): Objects["startParts"] {
  const { promise: allStarted, resolve } = Promise.withResolvers<void>();
  let started = 0;
  return async (...given) => {
    const upload = await world.ports.objects.startParts(...given);
    if (++started === count) resolve();
    await allStarted;
    return upload;
  };
}

/** Ports over the same files whose store signs as if it were `ageMs` ago. */
function earlier(ageMs: number) {
  const clock = { ...systemClock, now: () => new Date(Date.now() - ageMs) };
  const { backend, secrets, publicUrl } = world.config;
  const objects = createEmbeddedObjects({
    root: `${backend.dataDirectory}/objects`,
    publicUrl: `${publicUrl}/objects`,
    signingKey: secrets.uploadKey,
    clock,
  });
  return { ...world.ports, objects: { ...world.ports.objects, signPut: objects.signPut } };
}

describe("a signed upload", () => {
  it("works for five minutes", async () => {
    const page = newPage();
    const { document, uploads } = await announce(world, world.dora, [page]);
    const [request] = uploads[0]!.requests;
    expect(Date.parse(request!.expiresAt) - Date.now()).toBeGreaterThan(295_000);
    expect(Date.parse(request!.expiresAt) - Date.now()).toBeLessThanOrEqual(300_000);
    const stillGood = await signUploads(earlier(290_000), world.dora, document.id);
    expect(await putAll(stillGood.uploads, [page])).toEqual([200]);
  });

  it("after five minutes is refused, and one that was signed anew is taken", async () => {
    const page = newPage();
    const { document } = await announce(world, world.dora, [page]);
    const late = await signUploads(earlier(300_001), world.dora, document.id);
    expect(await putAll(late.uploads, [page])).toEqual([403]);
    const anew = await signUploads(world.ports, world.dora, document.id);
    expect(await putAll(anew.uploads, [page])).toEqual([200]);
  });

  it("takes no other bytes, and no second ones", async () => {
    const page = newPage();
    const { uploads } = await announce(world, world.dora, [page]);
    expect(await putAll(uploads, [newPage(page.length)])).toEqual([400]);
    expect(await putAll(uploads, [page])).toEqual([200]);
    expect(await putAll(uploads, [page])).toEqual([412]);
  });
});

describe("signing anew", () => {
  it("asks for what has not arrived only", async () => {
    const pages = [newPage(), newPage(), newPage()];
    const { document, uploads } = await announce(world, world.dora, pages);
    await putAll(uploads.slice(1, 2), pages);
    const seen = await signUploads(world.ports, world.dora, document.id);
    expect(seen.uploads.map(({ position, requests }) => [position, requests.length])).toEqual([
      [1, 1],
      [2, 0],
      [3, 1],
    ]);
    await expect(completeUpload(world.ports, world.dora, document.id)).rejects.toMatchObject({
      code: "upload_incomplete",
    });
    const known = await signUploads(world.ports, world.dora, document.id);
    expect(known.uploads.map(({ position }) => position)).toEqual([1, 3]);
  });

  it("asks for nothing once the document is received, whatever becomes of it", async () => {
    const { id } = await receive(world, world.dora, [newPage()]);
    for (const state of ["received", "processing", "stored", "archived"] as const) {
      await walkTo(world, id, state);
      expect(await signUploads(world.ports, world.dora, id)).toMatchObject({
        uploads: [],
        document: { state },
      });
    }
  });

  it("is refused while the grant is expired", async () => {
    const { document } = await announce(world, world.dora, [newPage()]);
    await walkTo(world, document.id, "expired");
    await expect(signUploads(world.ports, world.dora, document.id)).rejects.toMatchObject({
      code: "grant_expired",
      status: 410,
    });
  });

  it("is for the driver and their agent; for others the document is not there", async () => {
    const { document } = await announce(world, world.dora, [newPage()]);
    expect((await signUploads(world.ports, world.agnes, document.id)).uploads).toHaveLength(1);
    for (const actor of [world.emil, world.franz]) {
      await expect(signUploads(world.ports, actor, document.id)).rejects.toMatchObject({
        code: "not_found",
        status: 404,
      });
    }
  });
});

describe("a file above 16 MiB", () => {
  it("goes up in parts of 8 MiB, of which only the missing ones are asked for again", async () => {
    const bytes = largePage();
    const { document, uploads } = await announceLarge(bytes);
    const [{ requests }] = uploads as [FileUpload];
    expect(requests.map(({ partNumber, offset, sizeBytes }) => [partNumber, offset, sizeBytes])).toEqual([
      [1, 0, 8 * mebibyte],
      [2, 8 * mebibyte, 8 * mebibyte],
      [3, 16 * mebibyte, 1],
    ]);
    expect(await putAll(onlyParts(uploads, 1, 3), [bytes])).toEqual([200, 200]);
    await expect(completeUpload(world.ports, world.dora, document.id)).rejects.toMatchObject({
      code: "upload_incomplete",
    });

    const again = await signUploads(world.ports, world.dora, document.id);
    expect(partNumbers(again.uploads)).toEqual([2]);
    expect(await putAll(again.uploads, [bytes])).toEqual([200]);
    expect((await signUploads(world.ports, world.dora, document.id)).uploads).toMatchObject([
      { position: 1, requests: [] },
    ]);
    expect(await completeUpload(world.ports, world.dora, document.id)).toMatchObject({ state: "received" });
  });

  it("is one upload, however many ask at once; what was started besides is thrown away", async () => {
    const bytes = largePage();
    const { document } = await announceLarge(bytes);
    const [file] = await filesOf(document.id);
    await world.ports.objects.abortParts(file!.staging_key, file!.upload_id);
    await asOwner(world, "update document_file set upload_id = null where document_id = $1", [document.id]);

    const together = { ...world.ports, objects: { ...world.ports.objects, startParts: startTogether(3) } };
    const replies = await Promise.all([1, 2, 3].map(() => signUploads(together, world.dora, document.id)));
    const ids = replies.flatMap(({ uploads }) =>
      uploads[0]!.requests.map(({ url }) => new URL(url).searchParams.get("uploadId")),
    );
    expect(ids).toHaveLength(9);
    expect(new Set(ids).size).toBe(1);
    const open = await collect(world.ports.objects.listUploads(file!.staging_key));
    expect(open.map(({ uploadId }) => uploadId)).toEqual([ids[0]]);
    expect(await putAll(replies[1]!.uploads, [bytes])).toEqual([200, 200, 200]);
    expect(await completeUpload(world.ports, world.dora, document.id)).toMatchObject({ state: "received" });
  });

  it.each([
    ["with nothing sent", []],
    ["with a part sent", [2]],
  ])("whose upload is over goes up in a new one, %s, and the row remembers that one", async (_, sent) => {
    const bytes = largePage();
    const { document, uploads } = await announceLarge(bytes);
    await putAll(onlyParts(uploads, ...sent), [bytes]);
    const [file] = await filesOf(document.id);
    await world.ports.objects.abortParts(file!.staging_key, file!.upload_id);
    const again = await signUploads(world.ports, world.dora, document.id);
    expect(await putAll(again.uploads, [bytes])).toEqual([200, 200, 200]);
    const open = await collect(world.ports.objects.listUploads(file!.staging_key));
    expect(await filesOf(document.id)).toMatchObject(open.map(({ uploadId }) => ({ upload_id: uploadId })));
    expect(await completeUpload(world.ports, world.dora, document.id)).toMatchObject({ state: "received" });
  });

  it("whose upload is open, and has no part yet, is not started anew", async () => {
    const { document } = await announceLarge(largePage());
    const [before] = await filesOf(document.id);
    await signUploads(world.ports, world.dora, document.id);
    expect(await filesOf(document.id)).toEqual([before]);
  });

  it("whose upload is over is one new upload, however many ask at once", async () => {
    const bytes = largePage();
    const { document } = await announceLarge(bytes);
    const [file] = await filesOf(document.id);
    await world.ports.objects.abortParts(file!.staging_key, file!.upload_id);
    const together = { ...world.ports, objects: { ...world.ports.objects, startParts: startTogether(2) } };
    await Promise.all([1, 2].map(() => signUploads(together, world.dora, document.id)));
    expect(await collect(world.ports.objects.listUploads(file!.staging_key))).toHaveLength(1);
  });

  it("whose grant was revived while somebody was just starting its parts does not mix the old upload with the new key", async () => {
    const bytes = largePage();
    const { document } = await announceLarge(bytes);
    const request = { id: document.id, kind: "cmr", files: [declareInParts(bytes)] } as const;
    await asOwner(world, "update document_file set upload_id = null where document_id = $1", [document.id]);
    const objects = world.ports.objects;
    let revived = false;
    const startParts: typeof objects.startParts = async (...started) => {
      const upload = await objects.startParts(...started);
      if (!revived) {
        revived = true;
        await walkTo(world, document.id, "expired");
        await acceptUpload(world.ports, world.dora, { ...request, files: [...request.files] });
        await asOwner(world, "update document_file set upload_id = null where document_id = $1", [
          document.id,
        ]); // died before its parts
      }
      return upload;
    };
    await signUploads({ ...world.ports, objects: { ...objects, startParts } }, world.dora, document.id);
    const { uploads } = await signUploads(world.ports, world.dora, document.id);
    expect(await putAll(uploads, [bytes])).toEqual([200, 200, 200]);
    expect(await completeUpload(world.ports, world.dora, document.id)).toMatchObject({ state: "received" });
  });

  it("of exactly 16 MiB goes up in one piece", async () => {
    const bytes = newPage(16 * mebibyte);
    const { uploads } = await acceptUpload(world.ports, world.dora, {
      id: newDocumentId(),
      kind: "cmr",
      files: [declare(bytes)],
    });
    expect(partNumbers(uploads)).toEqual([null]);
  });
});
