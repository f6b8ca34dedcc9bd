import { Readable } from "node:stream";
import {
  announce,
  asOwner,
  declareInParts,
  newPage,
  setDocument,
  walkTo,
  collect,
} from "@strongroom/local/test-documents";
import { newDocumentId, putAll, type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../clock.ts";
import type { DocumentState } from "../document/document.ts";
import { editDocument } from "../document/edit-document.ts";
import type { Database } from "../ports/database.ts";
import { acceptUpload } from "./accept-upload.ts";
import { clearStaging, collectStaging } from "./clear-staging.ts";

let world: TestWorld;
beforeAll(async () => (world = await testWorld()));
afterAll(() => world.close());
afterEach(async () => {
  await asOwner(
    world,
    "update document set staging_cleared_at = now(), legal_hold = false, held_until = null",
  );
  await collectStaging(after(365 * 24));
});

const keysOf = async (id: string) =>
  (
    await asOwner<{ staging_key: string }>(
      world,
      "select staging_key from document_file where document_id = $1 order by position",
      [id],
    )
  ).map((row) => row.staging_key);
const staged = async (id: string) =>
  await collect(world.ports.objects.list(`s/${world.dora.tenantId}/${id}/`));
/** Ports of somebody who looks so many hours from now. */
const after = (hours: number) => ({
  ...world.ports,
  clock: { ...systemClock, now: () => new Date(Date.now() + hours * 3_600_000) },
});

/** A document in this state since a while, with its page in staging. */
async function rested(state: DocumentState, since: string): Promise<string> {
  const page = newPage();
  const { document, uploads } = await announce(world, world.dora, [page]);
  await putAll(uploads, [page]);
  await walkTo(world, document.id, state);
  await setDocument(world, document.id, `settled_at = clock_timestamp() - interval '${since}'`);
  return document.id;
}

describe("staging of a document that came to rest", () => {
  it.each([
    ["stored", "23 hours 59 minutes", "24 hours 1 minute"],
    ["archived", "23 hours 59 minutes", "24 hours 1 minute"],
    ["rejected", "6 days 23 hours 59 minutes", "7 days 1 minute"],
    ["expired", "23 hours 59 minutes", "24 hours 1 minute"],
  ] as const)("as %s is kept for %s and cleared after %s, once", async (state, within, past) => {
    const kept = await rested(state, within);
    const due = await rested(state, past);
    expect(await clearStaging(world.ports)).toBe(1);
    expect(await staged(kept)).toHaveLength(1);
    expect(await staged(due)).toEqual([]);
    expect(await clearStaging(world.ports)).toBe(0);
  });

  it.each(["granted", "received", "processing", "failed"] as const)(
    "is never cleared while it is %s, however long",
    async (state) => {
      const id = await rested(state, "400 days");
      expect(await clearStaging(world.ports)).toBe(0);
      expect(await collectStaging(after(400 * 24))).toBe(0);
      expect(await staged(id)).toHaveLength(1);
    },
  );

  it("is left alone when the document went on in the meantime", async () => {
    const page = newPage();
    const { document } = await announce(world, world.dora, [page]);
    await walkTo(world, document.id, "expired");
    await setDocument(world, document.id, "settled_at = clock_timestamp() - interval '2 days'");
    // It was listed as expired; before it is its turn, its client revives it and sends the page.
    let gone = false;
    const withTenant: Database["withTenant"] = async (tenantId, work) => {
      if (!gone) {
        gone = true;
        await putAll((await announce(world, world.dora, [page], { id: document.id })).uploads, [page]);
      }
      return await world.ports.database.withTenant(tenantId, work);
    };
    const database = { ...world.ports.database, withTenant };
    expect(await clearStaging({ ...world.ports, database })).toBe(0);
    expect(await staged(document.id)).toHaveLength(1);
  });

  it.each(["stored", "archived", "rejected", "expired"] as const)(
    "as %s is kept while the document is held, and cleared when the hold is over",
    async (state) => {
      const [held, until] = [await rested(state, "9 days"), await rested(state, "9 days")];
      await setDocument(world, held, "legal_hold = true");
      await setDocument(world, until, "held_until = clock_timestamp() + interval '2 days'");
      expect(await clearStaging(world.ports)).toBe(0);
      expect(await collectStaging(after(25))).toBe(0);
      await setDocument(world, until, "held_until = clock_timestamp()");
      expect(await clearStaging(world.ports)).toBe(1);
      expect([await staged(held), await staged(until)]).toEqual([[expect.anything()], []]);
    },
  );

  it("is cleared behind any number of held ones", async () => {
    const [held, due] = [await rested("expired", "9 days"), await rested("expired", "8 days")];
    await asOwner(
      world,
      `insert into document (tenant_id, id, owner_id, kind, state, request_sha256, content_sha256, size_bytes, grant_expires_at)
        select tenant_id, gen_random_uuid(), owner_id, kind, 'granted', 'held', 'held', 1, now() from document, generate_series(1, 1000)
        where id = $1`,
      [held],
    );
    await asOwner(
      world,
      `update document set state = 'expired', legal_hold = true, settled_at = now() - interval '9 days'
        where id = $1 or request_sha256 = 'held'`,
      [held],
    );
    expect(await clearStaging(world.ports)).toBe(1);
    expect([await staged(held), await staged(due)]).toEqual([[expect.anything()], []]);
  });

  it("is cleared for five seconds a round, in every state first what is due the longest", async () => {
    const stored = [];
    for (let minutes = 1; minutes <= 11; minutes++)
      stored.push(await rested("stored", `24 hours ${minutes} minutes`));
    const rejected = await rested("rejected", "7 days 5 minutes");
    let nowMs = 0;
    const slow = {
      ...world.ports,
      clock: { ...systemClock, monotonicMs: () => nowMs },
      objects: {
        ...world.ports.objects,
        remove: (key: string, versionId: string) => (
          (nowMs += 500),
          world.ports.objects.remove(key, versionId)
        ),
      },
    };
    expect(await clearStaging(slow)).toBe(10);
    expect(await staged(rejected)).toEqual([]);
    for (const left of stored.slice(0, 2)) expect(await staged(left)).toHaveLength(1);
    expect(await clearStaging(slow)).toBe(2);
  });

  it("is left alone when a hold comes in the meantime", async () => {
    const id = await rested("rejected", "9 days");
    const withTenant: Database["withTenant"] = async (tenantId, work) => {
      await setDocument(world, id, "legal_hold = true");
      return await world.ports.database.withTenant(tenantId, work);
    };
    expect(await clearStaging({ ...world.ports, database: { ...world.ports.database, withTenant } })).toBe(0);
    expect(await staged(id)).toHaveLength(1);
  });

  it("includes parts that were never joined", async () => {
    const bytes = newPage(16 * 1024 * 1024 + 1);
    const { document, uploads } = await acceptUpload(world.ports, world.dora, {
      id: newDocumentId(),
      kind: "cmr",
      files: [declareInParts(bytes)],
    });
    await putAll(
      uploads.map((upload) => ({ ...upload, requests: upload.requests.slice(1) })),
      [bytes],
    );
    const [key] = await keysOf(document.id);
    expect(await collect(world.ports.objects.listUploads(key!))).toHaveLength(1);
    await walkTo(world, document.id, "expired");
    await setDocument(world, document.id, "settled_at = clock_timestamp() - interval '2 days'");
    expect(await clearStaging(world.ports)).toBe(1);
    expect(await collect(world.ports.objects.listUploads(key!))).toEqual([]);
  });

  it("that was marked as cleared by somebody who died then is cleared by the sweep", async () => {
    const id = await rested("stored", "2 days");
    await setDocument(world, id, "staging_cleared_at = clock_timestamp()");
    expect(await clearStaging(world.ports)).toBe(0);
    expect(await collectStaging(after(23))).toBe(0);
    expect(await collectStaging(after(25))).toBe(1);
    expect(await staged(id)).toEqual([]);
  });
});

describe("the sweep through staging", () => {
  it("removes a page that was dropped, a day later, and leaves the pages that are expected", async () => {
    const pages = [newPage(), newPage()];
    const { document, uploads } = await announce(world, world.dora, pages);
    await putAll(uploads, pages);
    await editDocument(world.ports, world.dora, {
      documentId: document.id,
      ifMatch: null,
      edit: { files: [{ id: document.files[1]!.id }] },
    });
    expect(await collectStaging(after(23))).toBe(0);
    expect(await collectStaging(after(25))).toBe(1);
    expect((await staged(document.id)).map(({ key }) => key)).toEqual(await keysOf(document.id));
  });

  it("removes what came late under the key of an expired grant, and not what its revival brought", async () => {
    const page = newPage();
    const first = await announce(world, world.dora, [page]);
    await walkTo(world, first.document.id, "expired");
    const revived = await announce(world, world.dora, [page], { id: first.document.id });
    await putAll([...first.uploads, ...revived.uploads], [page]);
    expect(await staged(first.document.id)).toHaveLength(2);
    expect(await collectStaging(after(25))).toBe(1);
    expect((await staged(first.document.id)).map(({ key }) => key)).toEqual(await keysOf(first.document.id));
  });

  it("removes nothing of a document under a hold, though its grant was revived and wants other pages", async () => {
    const page = newPage();
    const { document, uploads } = await announce(world, world.dora, [page]);
    await putAll(uploads, [page]);
    await walkTo(world, document.id, "expired");
    await setDocument(world, document.id, "legal_hold = true");
    await announce(world, world.dora, [page], { id: document.id });
    expect(await collectStaging(after(25))).toBe(0);
    expect(await staged(document.id)).toHaveLength(1);
    await setDocument(world, document.id, "legal_hold = false");
    expect(await collectStaging(after(25))).toBe(1);
  });

  it("aborts uploads in parts that nobody waits for, and leaves the others open", async () => {
    const bytes = newPage(16 * 1024 * 1024 + 1);
    const grants = await Promise.all(
      [1, 2].map(() =>
        acceptUpload(world.ports, world.dora, {
          id: newDocumentId(),
          kind: "cmr",
          files: [declareInParts(bytes)],
        }),
      ),
    );
    const [dropped, expected] = grants.map(({ document }) => document.id);
    const [key] = await keysOf(expected!);
    await asOwner(world, "delete from document_file where document_id = $1", [dropped]);
    expect(await collectStaging(after(23))).toBe(0);
    expect(await collectStaging(after(25))).toBe(1);
    expect((await collect(world.ports.objects.listUploads("s/"))).map((upload) => upload.key)).toEqual([key]);
  });

  it("and the clearing go on though an object cannot be removed; both fail at their end", async () => {
    const [stuck, due] = [await rested("stored", "9 days"), await rested("stored", "8 days")];
    const [first, second] = [await keysOf(stuck), await keysOf(due)];
    const told: string[] = [];
    const withStuck = (ports: ReturnType<typeof after>) => ({
      ...ports,
      log: { ...ports.log, error: (event: string) => told.push(event) },
      objects: {
        ...ports.objects,
        remove: async (key: string, versionId: string) => {
          if (first.includes(key)) throw new Error("AccessDenied");
          await ports.objects.remove(key, versionId);
        },
      },
    });
    await expect(clearStaging(withStuck(after(0)))).rejects.toThrow("failed for 1 of them");
    expect([await staged(stuck), await staged(due)]).toEqual([[expect.anything()], []]);
    const stray = { sizeBytes: 1, mediaType: "text/plain" };
    await world.ports.objects.put(second[0]!, Readable.from(["x"]), stray);
    await expect(collectStaging(withStuck(after(25)))).rejects.toThrow("failed for 1 of them");
    expect([await staged(stuck), await staged(due)]).toEqual([[expect.anything()], []]);
    expect(told).toEqual(["staging.clear_failed", "staging.clear_failed"]);
  });

  it("goes on with those though an object is damaged, which is told", async () => {
    const files = [declareInParts(newPage(16 * 1024 * 1024 + 1))];
    const { document } = await acceptUpload(world.ports, world.dora, {
      id: newDocumentId(),
      kind: "cmr",
      files,
    });
    await asOwner(world, "delete from document_file where document_id = $1", [document.id]);
    const before = await collect(world.ports.objects.listUploads("s/"));
    const ports = after(25);
    async function* list(prefix: string) {
      yield* ports.objects.list(prefix);
      throw new AggregateError([], "damaged objects under s/");
    }
    const damaged = { ...ports, objects: { ...ports.objects, list } };
    await expect(collectStaging(damaged)).rejects.toThrow("damaged objects");
    expect(await collect(world.ports.objects.listUploads("s/"))).toHaveLength(before.length - 1);
  });
});
