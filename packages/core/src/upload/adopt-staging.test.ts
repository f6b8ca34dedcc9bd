import {
  announce,
  asOwner,
  collect,
  declareInParts,
  eventsOf,
  forget,
  newPage,
  receive,
  setDocument,
  walkTo,
} from "@strongroom/local/test-documents";
import { processOnce, query } from "@strongroom/local/test-pipeline";
import { declare, newDocumentId, putAll, type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { AcceptUploadRequest } from "../api-shapes.ts";
import { editDocument } from "../document/edit-document.ts";
import { showDocument } from "../document/show-document.ts";
import type { Log } from "../log.ts";
import type { Database } from "../ports/database.ts";
import { removeBytes } from "../retention/remove-bytes.ts";
import { writeTombstone } from "../retention/tombstone.ts";
import { acceptUpload } from "./accept-upload.ts";
import { adoptStaging } from "./adopt-staging.ts";
import { collectStaging } from "./clear-staging.ts";
import { completeUpload } from "./complete-upload.ts";

let world: TestWorld;
let told: [string, unknown][];
beforeAll(async () => {
  const log: Log = {
    info: () => {},
    warn: () => {},
    error: (event, fields) => void told.push([event, fields?.["reason"]]),
  };
  world = await testWorld({ log });
});
afterAll(() => world.close());
beforeEach(() => (told = []));
afterEach(async () => {
  for await (const { key, versionId } of world.ports.objects.list("s/"))
    await world.ports.objects.remove(key, versionId);
});

/** Ports of somebody who looks when nothing is young any more. */
const muchLater = () => ({
  ...world.ports,
  clock: { ...world.ports.clock, now: () => new Date(Date.now() + 90 * 86_400_000) },
});
const show = (id: string) => showDocument(world.ports, world.dora, id);
const filesOf = (id: string) =>
  asOwner(
    world,
    "select id, position, size_bytes, sha256, part_sha256, media_type, staging_key from document_file where document_id = $1 order by position",
    [id],
  );

describe("a document that a restored database does not know", () => {
  it("is received again from staging, page by page as it was, and ends stored", async () => {
    const { id } = await receive(world, world.dora, [newPage(), newPage(2_000), newPage(3_000)]);
    const [before, files] = [await show(id), await filesOf(id)];
    await forget(world, id);
    await expect(show(id)).rejects.toMatchObject({ code: "not_found" });

    expect(await adoptStaging(world.ports)).toBe(1);

    const { state, kind, createdAt, ownerId } = before;
    expect(await show(id)).toMatchObject({ state, kind, createdAt, ownerId, loadNumber: null });
    expect(await filesOf(id)).toEqual(files);
    expect(await eventsOf(world, id)).toEqual(["upload.adopted 1", "document.received 2"]);
    const bell = { tenantId: world.dora.tenantId, documentId: id };
    expect(await processOnce(world.ports, bell)).toBe("stored");
    expect(told).toEqual([]);
  });

  it("is adopted though another object is damaged, which is told", async () => {
    const { id } = await receive(world, world.dora, [newPage()]);
    await forget(world, id);
    const { objects } = world.ports;
    async function* list(prefix: string) {
      yield* objects.list(prefix);
      throw new AggregateError([], "damaged objects under s/");
    }
    const damaged = { ...world.ports, objects: { ...objects, list } } as typeof world.ports;
    await expect(adoptStaging(damaged)).rejects.toThrow("damaged objects");
    expect(await show(id)).toMatchObject({ state: "received" });
  });

  it("is adopted once, however often and by how many", async () => {
    const { id } = await receive(world, world.dora, [newPage()]);
    await forget(world, id);
    const counts = await Promise.all([1, 2, 3].map(() => adoptStaging(world.ports)));
    expect(counts.reduce((sum, count) => sum + count)).toBe(1);
    expect(await adoptStaging(world.ports)).toBe(0);
    expect(await eventsOf(world, id)).toEqual(["upload.adopted 1", "document.received 2"]);
    const entries = await query<{ action: string }>(
      world,
      "select action from audit where subject = $1 order by id",
      [id],
    );
    expect(entries.map(({ action }) => action)).toEqual(["upload.adopted", "document.received"]);
  });

  it("may have come in parts: their joint hash is compared as before", async () => {
    const bytes = newPage(16 * 1024 * 1024 + 1);
    const files = [declareInParts(bytes)];
    const request = { id: newDocumentId(), kind: "cmr", files };
    const { uploads } = await acceptUpload(world.ports, world.dora, request);
    await putAll(uploads, [bytes]);
    await completeUpload(world.ports, world.dora, request.id);
    const before = await filesOf(request.id);
    await forget(world, request.id);
    expect(await adoptStaging(world.ports)).toBe(1);
    expect(await filesOf(request.id)).toEqual(before);
    expect(await show(request.id)).toMatchObject({ state: "received" });
  });

  it("whose page was taken again before it was received is adopted with the new one", async () => {
    const pages = [newPage(), newPage(), newPage()];
    const { document, uploads } = await announce(world, world.dora, pages);
    await putAll(uploads.slice(0, 2), pages);
    const retaken = [newPage(), newPage()];
    const edited = await editDocument(world.ports, world.dora, {
      documentId: document.id,
      ifMatch: null,
      edit: { files: [{ id: document.files[0]!.id }, ...retaken.map((page) => declare(page))] },
    });
    await putAll(edited.uploads, [pages[0]!, ...retaken]);
    await completeUpload(world.ports, world.dora, document.id);
    const before = await filesOf(document.id);
    await forget(world, document.id);
    expect(await adoptStaging(world.ports)).toBe(1);
    expect(await filesOf(document.id)).toEqual(before);
    expect(before).toHaveLength(3);
  });

  it("replaces what it replaced, unless that is gone", async () => {
    const [known, gone] = [
      await receive(world, world.dora, [newPage()]),
      await receive(world, world.dora, [newPage()]),
    ];
    const [one, other] = [
      await receive(world, world.dora, [newPage()], { replaces: known.id }),
      await receive(world, world.dora, [newPage()], { replaces: gone.id }),
    ];
    for (const { id } of [other, one, gone]) await forget(world, id);
    await removeBytes(world.ports, { tenantId: world.dora.tenantId, documentId: gone.id });
    expect(await adoptStaging(world.ports)).toBe(2);
    expect([(await show(one.id)).replaces, (await show(other.id)).replaces]).toEqual([known.id, null]);
  });
});

describe("a document that a restored database knows from before its pages were changed", () => {
  /** As the backup had it: the row, and its files. */
  async function rewind(id: string, since: () => Promise<unknown>): Promise<void> {
    const rows = async (table: string, column: string) =>
      (
        await query<{ row: object }>(
          world,
          `select to_jsonb(t) as row from ${table} t where ${column} = $1`,
          [id],
        )
      ).map(({ row }) => row);
    const [document, files] = [await rows("document", "id"), await rows("document_file", "document_id")];
    await since();
    await forget(world, id);
    const put = (table: string, all: object[]) =>
      query(world, `insert into ${table} select * from jsonb_populate_recordset(null::${table}, $1::jsonb)`, [
        JSON.stringify(all),
      ]);
    await query(world, "alter table document disable trigger check_first_state");
    await put("document", document);
    await query(world, "alter table document enable trigger check_first_state");
    await put("document_file", files);
  }

  it("is received with the pages that it had last", async () => {
    const [first, second, retaken] = [newPage(), newPage(), newPage()];
    const { document, uploads } = await announce(world, world.dora, [first, second]);
    await putAll(uploads.slice(0, 1), [first]);
    const latest: unknown[] = [];
    await rewind(document.id, async () => {
      const edit = { files: [{ id: document.files[0]!.id }, declare(retaken)] };
      const edited = await editDocument(world.ports, world.dora, {
        documentId: document.id,
        ifMatch: null,
        edit,
      });
      await putAll(edited.uploads, [first, retaken]);
      await completeUpload(world.ports, world.dora, document.id);
      latest.push(...(await filesOf(document.id)));
    });
    expect((await show(document.id)).state).toBe("granted");
    expect(await adoptStaging(world.ports)).toBe(1);
    expect(await filesOf(document.id)).toEqual(latest);
    expect(await show(document.id)).toMatchObject({
      state: "received",
      version: 3,
      files: [{ name: "page-1.jpg" }, {}],
    });
    expect(await adoptStaging(world.ports)).toBe(0);
  });

  it("or from before its expired grant was revived, is received all the same", async () => {
    const page = newPage();
    const { document } = await announce(world, world.dora, [page]);
    await walkTo(world, document.id, "expired");
    await rewind(document.id, async () => {
      const revived = await announce(world, world.dora, [page], { id: document.id });
      await putAll(revived.uploads, [page]);
    });
    expect(await adoptStaging(world.ports)).toBe(1);
    expect(await show(document.id)).toMatchObject({ state: "received" });
  });

  it("is left alone while the newer pages are not all there, and that is told", async () => {
    const [first, second] = [newPage(), newPage()];
    const { document } = await announce(world, world.dora, [first]);
    await rewind(document.id, async () => {
      const edit = { files: [declare(second), declare(newPage())] };
      const edited = await editDocument(world.ports, world.dora, {
        documentId: document.id,
        ifMatch: null,
        edit,
      });
      await putAll(edited.uploads.slice(0, 1), [second]);
    });
    expect(await adoptStaging(world.ports)).toBe(0);
    expect(told).toEqual([["staging.not_adopted", "incomplete"]]);
    expect(await collectStaging(muchLater())).toBe(0);
  });

  it("keeps what came for a kind that it does not know, until it does", async () => {
    const [page, added] = [newPage(), newPage()];
    const { document, uploads } = await announce(world, world.dora, [page]);
    await putAll(uploads, [page]);
    await rewind(document.id, async () => {
      await query(world, "insert into document_kind values ($1, 'later', 'Later', 365)", [
        world.dora.tenantId,
      ]);
      const edit = { kind: "later", files: [{ id: document.files[0]!.id }, declare(added)] };
      const edited = await editDocument(world.ports, world.dora, {
        documentId: document.id,
        ifMatch: null,
        edit,
      });
      await putAll(edited.uploads, [page, added]);
    });
    await query(world, "delete from document_kind where name = 'later'", []);
    expect(await adoptStaging(world.ports)).toBe(0);
    expect(told).toEqual([["staging.not_adopted", "unknown_kind"]]);
    expect(await collectStaging(muchLater())).toBe(0);
    await query(world, "insert into document_kind values ($1, 'later', 'Later', 365)", [world.dora.tenantId]);
    expect(await adoptStaging(world.ports)).toBe(1);
    expect(await show(document.id)).toMatchObject({ kind: "later", state: "received" });
  });
});

describe("what is kept and told, but not adopted", () => {
  const staged = async (id: string) =>
    (await collect(world.ports.objects.list(`s/${world.dora.tenantId}/${id}/`))).length;

  it("is a document of which a page is missing; its client may announce and send it again", async () => {
    const pages = [newPage(), newPage()];
    const { document, uploads } = await announce(world, world.dora, pages);
    await putAll(uploads.slice(0, 1), pages);
    await forget(world, document.id);
    expect(await adoptStaging(world.ports)).toBe(0);
    expect(told).toEqual([["staging.not_adopted", "incomplete"]]);
    expect(await staged(document.id)).toBe(1);
    const again = await announce(world, world.dora, pages, { id: document.id });
    expect(again.created).toBe(true);
    await putAll(again.uploads, pages);
    expect(await completeUpload(world.ports, world.dora, document.id)).toMatchObject({ state: "received" });
  });

  it("is a document of which a page was dropped after the last signature: nobody could tell that it is whole", async () => {
    const pages = [newPage(), newPage()];
    const { document, uploads } = await announce(world, world.dora, pages);
    await putAll(uploads.slice(0, 1), pages);
    const files = [{ id: document.files[0]!.id }];
    await editDocument(world.ports, world.dora, { documentId: document.id, ifMatch: null, edit: { files } });
    await completeUpload(world.ports, world.dora, document.id);
    await forget(world, document.id);
    expect(await adoptStaging(world.ports)).toBe(0);
    expect([told, await staged(document.id)]).toEqual([[["staging.not_adopted", "incomplete"]], 1]);
  });

  it("was signed by a release before this one, with fewer facts", async () => {
    const { id } = await receive(world, world.dora, [newPage()]);
    await forget(world, id);
    const head: typeof world.ports.objects.head = async (key) => {
      const there = await world.ports.objects.head(key);
      if (!there || !key.startsWith("s/")) return there;
      const { content: _content, request: _request, version: _version, ...metadata } = there.metadata;
      return { ...there, metadata };
    };
    expect(await adoptStaging({ ...world.ports, objects: { ...world.ports.objects, head } })).toBe(0);
    expect([told, await staged(id)]).toEqual([[["staging.not_adopted", "no_facts"]], 1]);
  });

  it.each(["tenant", "document", "file"])("names another %s in its facts than in its key", async (fact) => {
    const { id } = await receive(world, world.dora, [newPage()]);
    await forget(world, id);
    const head: typeof world.ports.objects.head = async (key) => {
      const there = await world.ports.objects.head(key);
      return there && { ...there, metadata: { ...there.metadata, [fact]: newDocumentId() } };
    };
    expect(await adoptStaging({ ...world.ports, objects: { ...world.ports.objects, head } })).toBe(0);
    expect([told, await staged(id)]).toEqual([[["staging.not_adopted", "no_facts"]], 1]);
  });

  it("is of a person, or of a kind, that the database does not know either; once it does, the document comes", async () => {
    const newKind = () =>
      asOwner(world, "insert into document_kind values ($1, 'customs', 'Customs', 30)", [
        world.dora.tenantId,
      ]);
    await newKind();
    const { id } = await receive(world, world.dora, [newPage()], { kind: "customs" });
    await forget(world, id);
    await asOwner(world, "delete from document_kind where name = 'customs'");
    expect(await adoptStaging(world.ports)).toBe(0);
    expect(told).toEqual([["staging.not_adopted", "unknown_kind"]]);
    await newKind();
    expect(await adoptStaging(world.ports)).toBe(1);

    const person = {
      tenantId: world.dora.tenantId,
      userId: newDocumentId() as never,
      role: "driver",
    } as const;
    const add = () =>
      asOwner(world, "insert into app_user (tenant_id, id, name, role) values ($1, $2, 'New', 'driver')", [
        person.tenantId,
        person.userId,
      ]);
    await add();
    const theirs = await receive(world, person, [newPage()]);
    await forget(world, theirs.id);
    await asOwner(world, "delete from app_user where id = $1", [person.userId]);
    told = [];
    expect(await adoptStaging(world.ports)).toBe(0);
    expect(told).toEqual([["staging.not_adopted", "unknown_owner"]]);
    await add();
    expect(await adoptStaging(world.ports)).toBe(1);
  });
});

describe("what has a tombstone", () => {
  it("is removed from staging, and adopted by nobody", async () => {
    const { id } = await receive(world, world.dora, [newPage()]);
    await forget(world, id);
    const owned = { tenantId: world.dora.tenantId, documentId: id };
    await writeTombstone(world.ports, owned, { at: new Date(), by: "user:test" });
    expect(await adoptStaging(world.ports)).toBe(0);
    expect(await collect(world.ports.objects.list(`s/${owned.tenantId}/`))).toEqual([]);
    expect(await adoptStaging(world.ports)).toBe(0);
    await expect(show(id)).rejects.toMatchObject({ code: "not_found" });
  });
});

describe("what the database knows", () => {
  it("keeps its pages, whatever else lies in staging of it: dropped ones, and those of a grant that expired", async () => {
    const pages = [newPage(), newPage()];
    const { document, uploads } = await announce(world, world.dora, pages);
    await putAll(uploads.slice(0, 1), pages);
    const edit = { files: [{ id: document.files[1]!.id }] };
    await editDocument(world.ports, world.dora, { documentId: document.id, ifMatch: null, edit });
    await walkTo(world, document.id, "expired");
    await announce(world, world.dora, pages, { id: document.id });
    const before = await filesOf(document.id);
    expect(await adoptStaging(world.ports)).toBe(0);
    expect([await filesOf(document.id), told]).toEqual([before, []]);
  });

  it("is left alone, in whatever state, also when its staging was to be cleared", async () => {
    const { id } = await receive(world, world.dora, [newPage()]);
    await setDocument(world, id, "staging_cleared_at = clock_timestamp()");
    const before = await show(id);
    expect(await adoptStaging(world.ports)).toBe(0);
    expect(await show(id)).toEqual(before);
  });
});

describe("a client that announces an adopted document again", () => {
  const request = (pages: Uint8Array[]): AcceptUploadRequest => ({
    id: newDocumentId(),
    kind: "cmr",
    loadNumber: "L-4711",
    note: "at the gate",
    files: pages.map((page, index) => declare(page, `front-${index + 1}.jpg`)),
  });
  async function adopted(pages: Uint8Array[]) {
    const wanted = request(pages);
    const { uploads } = await acceptUpload(world.ports, world.dora, wanted);
    await putAll(uploads, pages);
    await completeUpload(world.ports, world.dora, wanted.id);
    await forget(world, wanted.id);
    expect(await adoptStaging(world.ports)).toBe(1);
    return wanted;
  }

  it("gets the same answer as ever, and the document its words back, once", async () => {
    const wanted = await adopted([newPage(), newPage()]);
    for (let round = 1; round <= 2; round += 1) {
      const reply = await acceptUpload(world.ports, world.dora, wanted);
      expect(reply).toMatchObject({
        created: false,
        uploads: [],
        document: {
          state: "received",
          version: 3,
          loadNumber: "L-4711",
          note: "at the gate",
          files: [{ name: "front-1.jpg" }, { name: "front-2.jpg" }],
        },
      });
    }
    expect(await eventsOf(world, wanted.id)).toEqual([
      "upload.adopted 1",
      "document.received 2",
      "document.edited 3",
    ]);
  });

  it("does not overwrite what an agent wrote there in the meantime", async () => {
    const wanted = await adopted([newPage()]);
    const edit = { loadNumber: "L-4712" };
    await editDocument(world.ports, world.agnes, { documentId: wanted.id, ifMatch: null, edit });
    const { document } = await acceptUpload(world.ports, world.dora, wanted);
    expect(document).toMatchObject({ loadNumber: "L-4712", note: "at the gate" });
  });

  it("in other words, or who is somebody else, is refused as before", async () => {
    const wanted = await adopted([newPage()]);
    const taken = { code: "id_taken", status: 409 };
    const other = { ...wanted, note: "elsewhere" };
    await expect(acceptUpload(world.ports, world.dora, other)).rejects.toMatchObject(taken);
    await expect(acceptUpload(world.ports, world.emil, wanted)).rejects.toMatchObject(taken);
    expect(await show(wanted.id)).toMatchObject({ loadNumber: null, note: null });
  });

  it("at the same moment ends with one document, whoever is first", async () => {
    for (const first of ["client", "reconciler"] as const) {
      const pages = [newPage()];
      const wanted = request(pages);
      const { uploads } = await acceptUpload(world.ports, world.dora, wanted);
      await putAll(uploads, pages);
      await forget(world, wanted.id);
      const adopting = () => adoptStaging(world.ports);
      const announcing = () => acceptUpload(world.ports, world.dora, wanted);
      // Each looks first and finds nothing; then the other one is quicker.
      if (first === "client") expect(await adoptStaging(beside(1, announcing))).toBe(0);
      else
        expect(await acceptUpload(beside(1, adopting), world.dora, wanted)).toMatchObject({ created: false });
      const reply = await announcing();
      expect(reply).toMatchObject({ created: false, document: { loadNumber: "L-4711" } });
      await putAll(reply.uploads, pages);
      expect(await completeUpload(world.ports, world.dora, wanted.id)).toMatchObject({ state: "received" });
    }
  });

  /** Ports that do something else once, after so many looks into the database. */
  function beside(after: number, work: () => Promise<unknown>) {
    let calls = 0;
    const counted = (look: Database["withTenant"]) =>
      (async (tenantId, inside) => {
        calls += 1;
        if (calls === after + 1) await work();
        return await look(tenantId, inside);
      }) as Database["withTenant"];
    const { database } = world.ports;
    const [withTenant, inOneTrip] = [counted(database.withTenant), counted(database.inOneTrip)];
    return { ...world.ports, database: { ...database, withTenant, inOneTrip } };
  }
});
