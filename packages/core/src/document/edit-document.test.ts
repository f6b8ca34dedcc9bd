import {
  announce,
  asOwner,
  eventsOf,
  newPage,
  receive,
  setDocument,
  walkTo,
} from "@strongroom/local/test-documents";
import { declare, newDocumentId, putAll, type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DocumentView, EditDocumentRequest } from "../api-shapes.ts";
import { systemIds } from "../ids.ts";
import { completeUpload } from "../upload/complete-upload.ts";
import type { Actor } from "../user/user.ts";
import { documentStates } from "./document.ts";
import { editDocument } from "./edit-document.ts";
import { showDocument } from "./show-document.ts";

let world: TestWorld;
beforeAll(async () => (world = await testWorld()));
afterAll(() => world.close());

const edit = (
  documentId: string,
  change: EditDocumentRequest,
  { ifMatch = null, actor = world.dora }: { ifMatch?: string | null; actor?: Actor } = {},
) => editDocument(world.ports, actor, { documentId, ifMatch, edit: change });
const keep = (document: DocumentView, ...positions: number[]) =>
  positions.map((position) => ({ id: document.files[position - 1]!.id }));
const hashes = (document: DocumentView) => document.files.map(({ sha256 }) => sha256);

describe("the pages of a document that is not yet received", () => {
  it("can be added to: what is there stays, what is new is to be sent", async () => {
    const [first, second] = [newPage(), newPage()];
    const { document, uploads } = await announce(world, world.dora, [first]);
    await putAll(uploads, [first]);
    const edited = await edit(document.id, { files: [...keep(document, 1), declare(second)] });
    expect(edited.uploads.map(({ position, requests }) => [position, requests.length])).toEqual([
      [1, 0],
      [2, 1],
    ]);
    expect(edited.document).toMatchObject({ sizeBytes: first.length + second.length, version: 2 });
    await putAll(edited.uploads, [first, second]);
    expect(hashes(await completeUpload(world.ports, world.dora, document.id))).toEqual(
      [first, second].map((page) => declare(page).sha256),
    );
  });

  it("can be dropped: the document is complete without the one that never came", async () => {
    const pages = [newPage(10), newPage(20)];
    const { document, uploads } = await announce(world, world.dora, pages);
    await putAll(uploads.slice(1), pages);
    const edited = await edit(document.id, { files: keep(document, 2) });
    expect(edited.document).toMatchObject({
      sizeBytes: 20,
      files: [{ position: 1, sha256: declare(pages[1]!).sha256 }],
    });
    expect(await completeUpload(world.ports, world.dora, document.id)).toMatchObject({ state: "received" });
  });

  it("can be put into another order without being sent again", async () => {
    const pages = [newPage(), newPage(), newPage()];
    const { document, uploads } = await announce(world, world.dora, pages);
    await putAll(uploads, pages);
    const edited = await edit(document.id, { files: keep(document, 3, 1, 2) });
    expect(hashes(edited.document)).toEqual(
      [pages[2]!, pages[0]!, pages[1]!].map((page) => declare(page).sha256),
    );
    expect(edited.uploads.flatMap(({ requests }) => requests)).toEqual([]);
    expect(await completeUpload(world.ports, world.dora, document.id)).toMatchObject({ state: "received" });
  });

  it("can be replaced: the blurred one goes, the new one takes its place", async () => {
    const [blurred, sharp, other] = [newPage(), newPage(), newPage()];
    const { document, uploads } = await announce(world, world.dora, [blurred, other]);
    await putAll(uploads, [blurred, other]);
    const edited = await edit(document.id, { files: [declare(sharp), ...keep(document, 2)] });
    expect(edited.document.missing).toContain(1);
    await putAll(edited.uploads, [sharp, other]);
    expect(hashes(await completeUpload(world.ports, world.dora, document.id))).toEqual([
      declare(sharp).sha256,
      declare(other).sha256,
    ]);
  });

  it("are compared anew with what is on file", async () => {
    const [known, unknown] = [newPage(), newPage()];
    await receive(world, world.emil, [known]);
    const { document } = await announce(world, world.dora, [known, unknown]);
    expect(document.duplicate).toBeNull();
    expect((await edit(document.id, { files: keep(document, 1) })).document.duplicate).toEqual({
      documentId: null,
    });
    expect((await edit(document.id, { files: [declare(unknown)] })).document.duplicate).toBeNull();
  });

  it("stay within the limits of a document", async () => {
    const { document } = await announce(world, world.dora, [newPage()]);
    const many = Array.from({ length: 50 }, () => declare(newPage(10)));
    await expect(edit(document.id, { files: [...keep(document, 1), ...many] })).rejects.toMatchObject({
      code: "too_many_files",
    });
    const large = { ...declare(newPage()), sizeBytes: 50 * 1024 * 1024 + 1 };
    await expect(edit(document.id, { files: [large] })).rejects.toMatchObject({ code: "file_too_large" });
    expect(await showDocument(world.ports, world.dora, document.id)).toEqual(document);
    expect((await edit(document.id, { files: many })).document.files).toHaveLength(50);
  });

  it("can be kept only when they are pages of this document, and once", async () => {
    const { document } = await announce(world, world.dora, [newPage(), newPage()]);
    const other = await announce(world, world.dora, [newPage()]);
    for (const files of [keep(other.document, 1), [{ id: systemIds.uuid() as never }]]) {
      await expect(edit(document.id, { files })).rejects.toMatchObject({ code: "unknown_page", status: 409 });
    }
    await expect(edit(document.id, { files: keep(document, 1, 1) })).rejects.toMatchObject({
      code: "repeated_page",
      status: 400,
    });
    expect(await showDocument(world.ports, world.dora, document.id)).toEqual(document);
  });
});

describe("the pages of a document that has gone on", () => {
  it.each(documentStates.filter((state) => !["granted", "expired", "erased"].includes(state)))(
    "as %s can no longer be changed",
    async (state) => {
      const { document } = await announce(world, world.dora, [newPage()]);
      await walkTo(world, document.id, state);
      await expect(edit(document.id, { files: [declare(newPage())], note: "no" })).rejects.toMatchObject({
        code: "already_received",
        status: 409,
      });
      expect(await showDocument(world.ports, world.dora, document.id)).toMatchObject({
        version: 1,
        note: null,
        files: [{ id: document.files[0]!.id }],
      });
    },
  );

  it.each([
    ["expired", (id: string) => walkTo(world, id, "expired")],
    ["granted until a moment ago", (id: string) => setDocument(world, id, "grant_expires_at = now()")],
  ])("as %s wait for the document to be sent again", async (_state, end) => {
    const { document } = await announce(world, world.dora, [newPage()]);
    await end(document.id);
    await expect(edit(document.id, { files: [declare(newPage())] })).rejects.toMatchObject({
      code: "grant_expired",
      status: 410,
    });
  });
});

describe("kind, load number and note", () => {
  it.each(documentStates.filter((state) => state !== "erased"))(
    "can be changed while the document is %s",
    async (state) => {
      const { document } = await announce(world, world.dora, [newPage()], { loadNumber: "L-1", note: "wet" });
      await walkTo(world, document.id, state);
      const edited = await edit(document.id, { kind: "invoice", loadNumber: "L-2", note: null });
      expect(edited.document).toMatchObject({
        state,
        kind: "invoice",
        loadNumber: "L-2",
        note: null,
        version: 2,
      });
    },
  );

  it("that are not named stay as they are", async () => {
    const { document } = await announce(world, world.dora, [newPage()], { loadNumber: "L-1", note: "wet" });
    expect((await edit(document.id, { note: "dry" })).document).toMatchObject({
      kind: "cmr",
      loadNumber: "L-1",
      note: "dry",
    });
    expect((await edit(document.id, { loadNumber: null })).document).toMatchObject({
      loadNumber: null,
      note: "dry",
    });
  });

  it("are refused when the tenant has no such kind", async () => {
    const { document } = await announce(world, world.dora, [newPage()]);
    await expect(edit(document.id, { kind: "poem" })).rejects.toMatchObject({
      code: "unknown_kind",
      status: 422,
    });
  });

  it("of an erased document are not there", async () => {
    const { document } = await announce(world, world.dora, [newPage()]);
    await walkTo(world, document.id, "erased");
    await expect(edit(document.id, { note: "back" })).rejects.toMatchObject({
      code: "not_found",
      status: 404,
    });
  });
});

describe("every edit", () => {
  it("raises the version by one, is an event and a line of the audit, with names of fields and no content", async () => {
    const { document } = await announce(world, world.dora, [newPage()]);
    await edit(document.id, { note: "secret words" });
    await edit(document.id, { kind: "invoice", loadNumber: "L-9" }, { actor: world.agnes });
    expect(await eventsOf(world, document.id)).toEqual([
      "upload.accepted 1",
      "document.edited 2",
      "document.edited 3",
    ]);
    const events = await asOwner<{ data: unknown }>(
      world,
      "select data from outbox where document_id = $1 and version > 1 order by id",
      [document.id],
    );
    expect(events.map(({ data }) => data)).toEqual([
      { ownerId: world.dora.userId, changed: ["note"] },
      { ownerId: world.dora.userId, changed: ["kind", "loadNumber"], kind: "invoice" },
    ]);
    const lines = await asOwner(
      world,
      "select actor, detail from audit where subject = $1 and action = 'document.edited' order by id",
      [document.id],
    );
    expect(lines).toEqual([
      { actor: `user:${world.dora.userId}`, detail: { changed: ["note"], version: 2 } },
      { actor: `user:${world.agnes.userId}`, detail: { changed: ["kind", "loadNumber"], version: 3 } },
    ]);
  });

  it("of several at once gets a version of its own, without a gap", async () => {
    const { document } = await announce(world, world.dora, [newPage()]);
    await Promise.all([1, 2, 3, 4, 5].map((number) => edit(document.id, { note: `note ${number}` })));
    expect(await eventsOf(world, document.id)).toEqual([
      "upload.accepted 1",
      ...[2, 3, 4, 5, 6].map((version) => `document.edited ${version}`),
    ]);
  });

  it("is for the driver and their agent; for others the document is not there", async () => {
    const { document } = await announce(world, world.dora, [newPage()]);
    for (const actor of [world.emil, world.franz]) {
      await expect(edit(document.id, { note: "mine" }, { actor })).rejects.toMatchObject({
        code: "not_found",
        status: 404,
      });
    }
    await expect(edit(newDocumentId(), { note: "none" })).rejects.toMatchObject({
      code: "not_found",
      status: 404,
    });
    expect((await edit(document.id, { note: "checked" }, { actor: world.agnes })).document.note).toBe(
      "checked",
    );
  });
});

describe("an edit of what its editor saw", () => {
  it("is refused when somebody changed the document since", async () => {
    const { document } = await announce(world, world.dora, [newPage()]);
    const seen = `"${document.version}-whatever"`;
    await edit(document.id, { note: "first" }, { ifMatch: seen });
    await expect(edit(document.id, { note: "second" }, { ifMatch: seen })).rejects.toMatchObject({
      code: "changed_meanwhile",
      status: 412,
    });
    expect((await edit(document.id, { note: "third" }, { ifMatch: '"2-granted"' })).document).toMatchObject({
      note: "third",
      version: 3,
    });
  });

  it("of two at once succeeds for one", async () => {
    const { document } = await announce(world, world.dora, [newPage()]);
    const outcomes = await Promise.allSettled(
      [1, 2].map((number) => edit(document.id, { note: String(number) }, { ifMatch: '"1-granted"' })),
    );
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    expect(outcomes.find((outcome) => outcome.status === "rejected")!.reason).toMatchObject({
      code: "changed_meanwhile",
    });
  });

  it.each(['"1-granted"', 'W/"1-granted"', "*"])("names it as %s", async (ifMatch) => {
    const { document } = await announce(world, world.dora, [newPage()]);
    expect((await edit(document.id, { note: "seen" }, { ifMatch })).document.version).toBe(2);
  });

  it.each(['"11-granted"', '"0-granted"', '"1"', "1-granted", '"-1-granted"', ""])(
    "is refused when it names %j",
    async (ifMatch) => {
      const { document } = await announce(world, world.dora, [newPage()]);
      await expect(edit(document.id, { note: "guessed" }, { ifMatch })).rejects.toMatchObject({
        code: "changed_meanwhile",
        status: 412,
      });
    },
  );
});
