import {
  asOwner,
  announce,
  eventsOf,
  newPage,
  receive,
  setDocument,
  walkTo,
} from "@strongroom/local/test-documents";
import { declare, newDocumentId, putAll, type TestWorld, testWorld } from "@strongroom/local/test-world";
import { randomBytes } from "node:crypto";
import { DocumentId } from "../ids.ts";
import { processOnce, standInRenderer } from "@strongroom/local/test-pipeline";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AcceptUploadRequest } from "../api-shapes.ts";
import { showDocument } from "../document/show-document.ts";
import type { Refusal } from "../errors.ts";
import { eraseDocument } from "../retention/erase-document.ts";
import { acceptUpload } from "./accept-upload.ts";
import { completeUpload } from "./complete-upload.ts";
import { expireGrants } from "./expire-grants.ts";
import { ingestUpload } from "./ingest-upload.ts";
import type { Actor } from "../user/user.ts";

let world: TestWorld;
beforeAll(async () => (world = await testWorld()));
afterAll(() => world.close());

const requestOf = (...pages: Uint8Array[]): AcceptUploadRequest => ({
  id: newDocumentId(),
  kind: "cmr",
  files: pages.map((page) => declare(page)),
});
const stagingKeys = async (id: string) =>
  (
    await asOwner<{ staging_key: string }>(
      world,
      "select staging_key from document_file where document_id = $1 order by position",
      [id],
    )
  ).map((row) => row.staging_key);

it("a driver announces a document, sends its page and gets a confirmation code", async () => {
  const { ports, dora } = world;
  const bytes = randomBytes(1_000);
  const accepted = await acceptUpload(ports, dora, requestOf(bytes));
  expect(accepted.created).toBe(true);
  expect(await putAll(accepted.uploads, [bytes])).toEqual([200]);
  const document = await completeUpload(ports, dora, accepted.document.id);
  expect(document).toMatchObject({ state: "received", missing: [], version: 2 });
  expect(document.confirmationCode).toMatch(/^[A-Z0-9]{4}-[A-Z0-9]{4}$/);
});

describe("the same id again", () => {
  it("with the same request answers the same document, and makes nothing new", async () => {
    const request = { ...requestOf(newPage(), newPage()), loadNumber: "L-1", note: "two pages" };
    const first = await acceptUpload(world.ports, world.dora, request);
    const second = await acceptUpload(world.ports, world.dora, request);
    expect([first.created, second.created]).toEqual([true, false]);
    expect(second.document).toEqual(first.document);
    expect(second.uploads.map(({ fileId }) => fileId)).toEqual(first.uploads.map(({ fileId }) => fileId));
    expect(await eventsOf(world, request.id)).toEqual(["upload.accepted 1"]);
  });

  it("counts fields left out and fields that are null as the same", async () => {
    const request = requestOf(newPage());
    await acceptUpload(world.ports, world.dora, request);
    expect(
      await acceptUpload(world.ports, world.dora, {
        ...request,
        note: null,
        loadNumber: null,
        replaces: null,
      }),
    ).toMatchObject({ created: false });
  });

  it("is refused when anything in the request differs", async () => {
    const request = { ...requestOf(newPage()), loadNumber: "L-1", note: "as it was" };
    await acceptUpload(world.ports, world.dora, request);
    const [file] = request.files;
    const others: AcceptUploadRequest[] = [
      { ...request, kind: "invoice" },
      { ...request, loadNumber: "L-2" },
      { ...request, note: null },
      { ...request, replaces: newDocumentId() },
      { ...request, files: [...request.files, declare(newPage())] },
      { ...request, files: [declare(newPage())] },
      { ...request, files: [{ ...file!, name: "other.jpg" }] },
      { ...request, files: [{ ...file!, mediaType: "image/png" }] },
      { ...request, files: [{ ...file!, sizeBytes: file!.sizeBytes + 1 }] },
    ];
    for (const other of others)
      await expect(acceptUpload(world.ports, world.dora, other)).rejects.toMatchObject({
        code: "id_taken",
        status: 409,
      });
  });

  it("is refused for another person, whoever may see the document, and means another document in another tenant", async () => {
    const request = requestOf(newPage());
    await acceptUpload(world.ports, world.dora, request);
    for (const other of [world.emil, world.agnes]) {
      await expect(acceptUpload(world.ports, other, request)).rejects.toMatchObject({
        code: "id_taken",
        status: 409,
      });
    }
    expect(await acceptUpload(world.ports, world.franz, request)).toMatchObject({
      created: true,
      document: { ownerId: world.franz.userId },
    });
  });

  it("from several requests at once makes one document and answers all of them", async () => {
    const request = requestOf(newPage());
    const replies = await Promise.all([1, 2, 3, 4].map(() => acceptUpload(world.ports, world.dora, request)));
    expect(replies.filter(({ created }) => created)).toHaveLength(1);
    expect(new Set(replies.map(({ uploads }) => uploads[0]!.fileId)).size).toBe(1);
    expect(await eventsOf(world, request.id)).toEqual(["upload.accepted 1"]);
  });

  it("from two people at once goes to one, and is refused to the other", async () => {
    const request = requestOf(newPage());
    const outcomes = await Promise.allSettled(
      [world.dora, world.emil].map((actor) => acceptUpload(world.ports, actor, request)),
    );
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    expect(outcomes.find((outcome) => outcome.status === "rejected")!.reason).toMatchObject({
      code: "id_taken",
    });
  });

  it("after it was received answers with nothing left to send", async () => {
    const [page, request] = [newPage(), { id: newDocumentId() }];
    const received = await receive(world, world.dora, [page], request);
    const again = await announce(world, world.dora, [page], request);
    expect(again).toMatchObject({
      created: false,
      uploads: [],
      document: { state: "received", confirmationCode: received.confirmationCode },
    });
  });

  it("of an erased document is told so to whoever announced it, to nobody else, and nothing comes back", async () => {
    const request = requestOf(newPage());
    await acceptUpload(world.ports, world.dora, request);
    await walkTo(world, request.id, "erased");
    const again = (actor: Actor, wanted = request) => acceptUpload(world.ports, actor, wanted);
    await expect(again(world.dora)).rejects.toMatchObject({ code: "erased", status: 410 });
    expect(await again(world.dora).catch(({ details }: Refusal) => details)).toEqual({}); // not when, nor by whom
    await expect(again(world.dora, { ...request, note: "another" })).rejects.toMatchObject({
      code: "id_taken",
    });
    for (const other of [world.emil, world.agnes, world.arne])
      await expect(again(other)).rejects.toMatchObject({ code: "id_taken", status: 409 });
    expect(await asOwner(world, "select state, note from document where id = $1", [request.id])).toEqual([
      { state: "erased", note: null },
    ]);
  });
});

describe("the same request after the grant expired", () => {
  it("revives it under new keys, and the document goes its way to the end", async () => {
    const pages = [newPage(), newPage()];
    const request = requestOf(...pages);
    const first = await acceptUpload(world.ports, world.dora, request);
    await putAll(first.uploads.slice(0, 1), pages);
    await ingestUpload(world.ports, (await stagingKeys(request.id))[0]!);
    const oldKeys = await stagingKeys(request.id);
    await walkTo(world, request.id, "expired");
    await setDocument(
      world,
      request.id,
      "staging_cleared_at = now(), grant_expires_at = now() - interval '1 day'",
    );

    const revived = await acceptUpload(world.ports, world.dora, request);
    expect(revived).toMatchObject({
      created: false,
      document: { state: "granted", version: 2, missing: [1, 2], settledAt: null },
    });
    expect(Date.parse(revived.document.grantExpiresAt)).toBeGreaterThan(
      Date.now() + world.config.periods.grant - 60_000,
    );
    expect((await stagingKeys(request.id)).filter((key) => oldKeys.includes(key))).toEqual([]);
    expect(
      await asOwner(world, "select 1 from document where id = $1 and staging_cleared_at is null", [
        request.id,
      ]),
    ).toHaveLength(1);

    expect(await putAll(revived.uploads, pages)).toEqual([200, 200]);
    expect(await completeUpload(world.ports, world.dora, request.id)).toMatchObject({
      state: "received",
      version: 3,
    });
    expect(await eventsOf(world, request.id)).toEqual([
      "upload.accepted 1",
      "upload.revived 2",
      "document.received 3",
    ]);
  });

  it("prolongs one that nobody has ended yet: what has arrived counts, under the keys of before", async () => {
    const pages = [newPage(), newPage()];
    const request = requestOf(...pages);
    const first = await acceptUpload(world.ports, world.dora, request);
    await putAll(first.uploads.slice(0, 1), pages);
    await ingestUpload(world.ports, (await stagingKeys(request.id))[0]!);
    const keys = await stagingKeys(request.id);
    await setDocument(world, request.id, "grant_expires_at = now() - interval '1 ms'");

    const atOnce = [1, 2, 3].map(() => acceptUpload(world.ports, world.dora, request));
    await Promise.all(atOnce);
    const prolonged = await acceptUpload(world.ports, world.dora, request);
    expect(prolonged).toMatchObject({
      created: false,
      document: { state: "granted", version: 1, missing: [2] },
    });
    expect(await stagingKeys(request.id)).toEqual(keys);
    expect(await expireGrants(world.ports)).toBe(0);
    expect(prolonged.document.timeline.map(({ action }) => action)).toEqual([
      "upload.accepted",
      "upload.prolonged",
    ]);
    expect(await putAll(prolonged.uploads, pages)).toEqual([200]);
    expect(await completeUpload(world.ports, world.dora, request.id)).toMatchObject({ state: "received" });
  });

  it("revives it once, however many ask at once", async () => {
    const request = requestOf(newPage());
    await acceptUpload(world.ports, world.dora, request);
    await walkTo(world, request.id, "expired");
    const replies = await Promise.all([1, 2, 3].map(() => acceptUpload(world.ports, world.dora, request)));
    expect(replies.map(({ document }) => [document.state, document.version])).toEqual(
      [1, 2, 3].map(() => ["granted", 2]),
    );
    expect(await eventsOf(world, request.id)).toEqual(["upload.accepted 1", "upload.revived 2"]);
  });

  it("a late PUT under the old key is not taken for the page", async () => {
    const page = newPage();
    const request = requestOf(page);
    const first = await acceptUpload(world.ports, world.dora, request);
    const [oldKey] = await stagingKeys(request.id);
    await walkTo(world, request.id, "expired");
    const revived = await acceptUpload(world.ports, world.dora, request);
    expect(await putAll(first.uploads, [page])).toEqual([200]);
    await ingestUpload(world.ports, oldKey!);
    await expect(completeUpload(world.ports, world.dora, request.id)).rejects.toMatchObject({
      code: "upload_incomplete",
    });
    expect(await putAll(revived.uploads, [page])).toEqual([200]);
    expect(await completeUpload(world.ports, world.dora, request.id)).toMatchObject({ state: "received" });
  });
});

describe("a kind", () => {
  it("that the tenant does not have is refused with the ones it has", async () => {
    await expect(announce(world, world.dora, [newPage()], { kind: "poem" })).rejects.toMatchObject({
      code: "unknown_kind",
      status: 422,
      message: expect.stringMatching(/“poem”.*cmr.*proof-of-delivery/) as string,
    });
  });
});

describe("a limit", () => {
  it("is checked before anything is kept", async () => {
    const request = { ...requestOf(newPage()), files: Array.from({ length: 51 }, () => declare(newPage())) };
    await expect(acceptUpload(world.ports, world.dora, request)).rejects.toMatchObject({
      code: "too_many_files",
    });
    await expect(showDocument(world.ports, world.dora, request.id)).rejects.toMatchObject({
      code: "not_found",
    });
  });

  it("of 50 files is taken, with one upload for each in page order", async () => {
    const pages = Array.from({ length: 50 }, () => newPage(10));
    const { uploads } = await announce(world, world.dora, pages);
    expect(uploads.map(({ position }) => position)).toEqual(pages.map((_, index) => index + 1));
  });

  it("of 255 characters holds for a file's name, not of 256", () => {
    const named = (length: number) =>
      AcceptUploadRequest.safeParse({ ...requestOf(), files: [declare(newPage(), "x".repeat(length))] })
        .success;
    expect([1, 254, 255, 256].map(named)).toEqual([true, true, true, false]);
    expect(named(0)).toBe(false);
  });
});

describe("a document that replaces another", () => {
  const store = async (id: string) =>
    processOnce(world.ports, { tenantId: world.dora.tenantId, documentId: DocumentId.parse(id) });
  const supersededBy = async (id: string) => (await showDocument(world.ports, world.dora, id)).supersededBy;

  it("takes its place once it is stored, and not before", async () => {
    const old = await receive(world, world.dora, [newPage()]);
    const retake = await receive(world, world.dora, [newPage()], { replaces: old.id });
    expect(retake.replaces).toBe(old.id);
    expect(await supersededBy(old.id)).toBeNull();
    await store(retake.id);
    const superseded = await showDocument(world.ports, world.dora, old.id);
    expect(superseded.supersededBy).toBe(retake.id);
    expect(superseded.timeline.at(-1)!.action).toBe("document.superseded");
  });

  it("leaves it in place when it is rejected itself", async () => {
    const old = await receive(world, world.dora, [newPage()]);
    const retake = await receive(world, world.dora, [newPage()], { replaces: old.id });
    const renderer = standInRenderer(() => ({ outcome: "unsupported", detected: "a web page" }));
    const bell = { tenantId: world.dora.tenantId, documentId: DocumentId.parse(retake.id) };
    expect(await processOnce(world.ports, bell, { renderer })).toBe("rejected");
    expect(await supersededBy(old.id)).toBeNull();
  });

  it("cannot replace what was already replaced; the answer names the newer one", async () => {
    const old = await receive(world, world.dora, [newPage()]);
    const newer = await receive(world, world.dora, [newPage()], { replaces: old.id });
    await store(newer.id);
    await expect(announce(world, world.dora, [newPage()], { replaces: old.id })).rejects.toMatchObject({
      code: "already_replaced",
      status: 409,
      details: { supersededBy: newer.id },
    });
    expect(await receive(world, world.dora, [newPage()], { replaces: newer.id })).toMatchObject({
      state: "received",
    });
  });

  it("and was erased leaves its place to the next one", async () => {
    const old = await receive(world, world.dora, [newPage()]);
    const retake = async () => {
      const { id } = await receive(world, world.dora, [newPage()], { replaces: old.id });
      await store(id);
      return id;
    };
    const first = await retake();
    await eraseDocument(world.ports, world.arne, first);
    const { supersededBy: none, timeline } = await showDocument(world.ports, world.dora, old.id);
    expect([none, timeline.at(-1)!.action]).toEqual([null, "document.reinstated"]);
    const waiting = await receive(world, world.dora, [newPage()], { replaces: old.id });
    const second = await retake();
    expect(await supersededBy(old.id)).toBe(second);
    await eraseDocument(world.ports, world.arne, waiting.id);
    expect(await supersededBy(old.id)).toBe(second);
  });

  it("that is stored second of two leaves the first one in place", async () => {
    const old = await receive(world, world.dora, [newPage()]);
    const first = await receive(world, world.dora, [newPage()], { replaces: old.id });
    const second = await receive(world, world.dora, [newPage()], { replaces: old.id });
    await store(second.id);
    await store(first.id);
    expect(await supersededBy(old.id)).toBe(second.id);
  });

  it("cannot replace an unknown, a foreign, an erased document or itself", async () => {
    const emils = await receive(world, world.emil, [newPage()]);
    const franzs = await receive(world, world.franz, [newPage()]);
    const erased = await receive(world, world.dora, [newPage()]);
    await walkTo(world, erased.id, "erased");
    for (const replaces of [newDocumentId(), emils.id, franzs.id, erased.id]) {
      await expect(announce(world, world.dora, [newPage()], { replaces })).rejects.toMatchObject({
        code: "unknown_replaced",
        status: 404,
      });
    }
    const id = newDocumentId();
    await expect(announce(world, world.dora, [newPage()], { id, replaces: id })).rejects.toMatchObject({
      code: "unknown_replaced",
    });
  });
});
