import { announce, asOwner, newPage, setDocument, walkTo } from "@strongroom/local/test-documents";
import { type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { ListDocumentsQuery } from "../api-shapes.ts";
import type { Actor } from "../user/user.ts";
import { listDocuments } from "./list-documents.ts";

let world: TestWorld;
beforeAll(async () => (world = await testWorld()));
afterAll(() => world.close());
afterEach(
  async () => void (await asOwner(world, "update document set state = 'erased' where state = 'granted'")),
);

const list = (actor: Actor, query: Record<string, unknown> = {}) =>
  listDocuments(world.ports, actor, ListDocumentsQuery.parse(query));
const idsFor = async (actor: Actor, query: Record<string, unknown> = {}) =>
  (await list(actor, query)).documents.map(({ id }) => id);
const add = async (actor: Actor, more: Parameters<typeof announce>[3] = {}) =>
  (await announce(world, actor, [newPage(10)], more)).document.id;

/** Follows the cursors to the end; `between` happens after each page. */
async function walk(
  actor: Actor,
  query: Record<string, unknown>,
  between: () => Promise<unknown> = async () => {},
): Promise<string[]> {
  const ids: string[] = [];
  for (let cursor: string | null | undefined; cursor !== null;) {
    const page = await list(actor, { ...query, ...(cursor && { cursor }) });
    ids.push(...page.documents.map(({ id }) => id));
    cursor = page.nextCursor;
    await between();
  }
  return ids;
}

describe("who sees what", () => {
  it("a driver sees their own, an agent all of the tenant, and nobody another tenant's", async () => {
    const [doras, emils, franzs] = [await add(world.dora), await add(world.emil), await add(world.franz)];
    expect(await idsFor(world.dora)).toEqual([doras]);
    expect(await idsFor(world.emil)).toEqual([emils]);
    expect((await idsFor(world.agnes)).toSorted()).toEqual([doras, emils].toSorted());
    expect(await idsFor(world.franz)).toEqual([franzs]);
  });

  it("an erased document is in no list, not even when it is asked for", async () => {
    const id = await add(world.dora);
    await walkTo(world, id, "erased");
    expect(await idsFor(world.agnes)).toEqual([]);
    expect(await idsFor(world.agnes, { state: "erased" })).toEqual([]);
  });
});

describe("filters", () => {
  it("by state, kind and load number hold together", async () => {
    const wanted = await add(world.dora, { kind: "invoice", loadNumber: "L-7" });
    await add(world.dora, { kind: "cmr", loadNumber: "L-7" });
    await add(world.dora, { kind: "invoice", loadNumber: "L-8" });
    expect(await idsFor(world.agnes, { kind: "invoice" })).toHaveLength(2);
    expect(await idsFor(world.agnes, { loadNumber: "L-7" })).toHaveLength(2);
    expect(await idsFor(world.agnes, { kind: "invoice", loadNumber: "L-7", state: "granted" })).toEqual([
      wanted,
    ]);
    expect(await idsFor(world.agnes, { kind: "invoice", loadNumber: "L-7", state: "stored" })).toEqual([]);
  });

  it("by confirmation code find a document as its code is said, for whoever may see it", async () => {
    const codes = async (actor: Actor, code: string) => {
      const id = await add(actor);
      await setDocument(world, id, `confirmation_code = '${code}'`);
      return id;
    };
    const [doras, emils, franzs] = [
      await codes(world.dora, "63RJ-JMKX"),
      await codes(world.emil, "63RJ-JMKX"), // by chance: codes are drawn, not counted
      await codes(world.franz, "63RJ-JMKX"),
    ];
    await codes(world.dora, "63RJ-JMKY");
    for (const code of ["63RJ-JMKX", "63rj-jmkx", "63RJJMKX", " 63rj jmkx "])
      expect(await idsFor(world.dora, { code })).toEqual([doras]);
    expect((await idsFor(world.agnes, { code: "63RJ-JMKX" })).toSorted()).toEqual([doras, emils].toSorted());
    expect(await idsFor(world.franz, { code: "63RJ-JMKX" })).toEqual([franzs]);
    expect(await idsFor(world.franz, { code: "63RJ-JMKY" })).toEqual([]);
    await walkTo(world, doras, "erased");
    expect(await idsFor(world.dora, { code: "63RJ-JMKX" })).toEqual([]);
  });

  it.each(["63RJ", "63RJ-JMKO", "63RJ-JMKXX", "63RJ--JMKX", "6-3RJJMKX", "%"])(
    "by what is no confirmation code are refused: %s",
    (code) => expect(ListDocumentsQuery.safeParse({ code }).success).toBe(false),
  );

  it("by words find documents in whose pages they stand, of this tenant and this driver only", async () => {
    const [doras, emils, franzs, other] = [
      await add(world.dora),
      await add(world.emil),
      await add(world.franz),
      await add(world.dora),
    ];
    for (const [actor, id, body] of [
      [world.dora, doras, "Two pallets of apples, delivered wet"],
      [world.emil, emils, "Apples again"],
      [world.franz, franzs, "Apples elsewhere"],
      [world.dora, other, "Pears"],
    ] as const) {
      await asOwner(
        world,
        "insert into page_text (tenant_id, document_id, page, body) values ($1, $2, 1, $3)",
        [actor.tenantId, id, body],
      );
    }
    expect(await idsFor(world.dora, { search: "apples" })).toEqual([doras]);
    expect((await idsFor(world.agnes, { search: "APPLES" })).toSorted()).toEqual([doras, emils].toSorted());
    expect(await idsFor(world.agnes, { search: "apples pallets" })).toEqual([doras]);
    expect(await idsFor(world.agnes, { search: '"pallets of pears"' })).toEqual([]);
    expect(await idsFor(world.agnes, { search: "'; drop table page_text; --" })).toEqual([]);
    expect(await idsFor(world.franz, { search: "apples" })).toEqual([franzs]);
  });

  it("by the moment of the last change find what changed since, and reach back twenty seconds for late commits", async () => {
    const changed = async (at: string) => {
      const id = await add(world.dora);
      await setDocument(world, id, `changed_at = '${at}'`);
      return id;
    };
    const [before, edge, since] = [
      await changed("2026-03-01T11:59:39.999Z"),
      await changed("2026-03-01T11:59:40Z"),
      await changed("2026-03-01T12:00:00Z"),
    ];
    const seen = await idsFor(world.dora, { changedSince: "2026-03-01T12:00:00Z" });
    expect(seen.toSorted()).toEqual([edge, since].toSorted());
    expect(seen).not.toContain(before);
    expect(await idsFor(world.dora, { changedSince: "2026-03-01T12:59:59.999-01:00" })).toEqual([]);
    expect((await idsFor(world.dora, { changedSince: "2026-03-01T13:00:00+01:00" })).toSorted()).toEqual(
      seen.toSorted(),
    );
  });
});

describe("page by page", () => {
  it("the newest comes first, and no page holds more than was asked for", async () => {
    const ids: string[] = [];
    for (let count = 0; count < 5; count++) ids.unshift(await add(world.dora));
    for (const [index, id] of ids.entries())
      await setDocument(world, id, `created_at = '2026-03-01T12:00:0${9 - index}Z'`);
    const first = await list(world.dora, { limit: 2 });
    expect(first.documents.map(({ id }) => id)).toEqual(ids.slice(0, 2));
    expect(await walk(world.dora, { limit: 2 })).toEqual(ids);
    expect((await list(world.dora, { limit: 5 })).nextCursor).toBeNull();
    expect((await list(world.dora, { limit: 4 })).nextCursor).not.toBeNull();
  });

  it("none is lost or repeated among many of one millisecond, while others are added and changed", async () => {
    const ids = await Promise.all(Array.from({ length: 12 }, () => add(world.dora)));
    await asOwner(world, "update document set created_at = '2026-03-01T12:00:00.123Z' where id = any($1)", [
      ids,
    ]);
    const seen = await walk(world.agnes, { limit: 5 }, async () => {
      await add(world.dora);
      await setDocument(
        world,
        ids[0]!,
        "note = 'changed', version = version + 1, changed_at = clock_timestamp()",
      );
    });
    expect(seen).toHaveLength(12);
    expect(seen.toSorted()).toEqual(ids.toSorted());
  });

  it("an empty list is one page", async () => {
    expect(await list(world.emil)).toEqual({ documents: [], nextCursor: null });
  });

  it.each([
    "rubbish",
    "MTIz",
    Buffer.from(`1.${"-".repeat(36)}`).toString("base64url"),
    Buffer.from(`9999999999999999.${"0".repeat(8)}-0000-7000-8000-${"0".repeat(12)}`).toString("base64url"),
    Buffer.from(`1.${"0".repeat(8)}-0000-7000-8000-${"0".repeat(12)} or true`).toString("base64url"),
  ])("a cursor that we did not make is refused: %s", async (cursor) => {
    await expect(list(world.dora, { cursor })).rejects.toMatchObject({ code: "invalid_cursor", status: 400 });
  });
});
