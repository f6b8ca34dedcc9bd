import { randomBytes, randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PutGrant } from "../ports/objects.ts";
import { uploadedInParts } from "./objects-in-parts.ts";
import {
  contentOf,
  freshKey,
  keysUnder,
  mediaType,
  minPartBytes,
  type OpenObjects,
  putBytes,
  sha256,
  type Store,
  streamOf,
} from "./open-objects.ts";

/** Why a server behind an adapter cannot pass a test; ours has to do without. */
export type ObjectGaps = {
  /**
   * An object cannot bear a name that another key goes on from (`a` beside `a/b`; no key of ours does), and a put beside
   * the removal of the last neighbour may fail.
   */
  directories?: string;
};

/** What every adapter of the objects port must pass; `open` is called once. */
export function objectsContract(name: string, open: () => Promise<OpenObjects>, gaps: ObjectGaps = {}): void {
  describe(`objects: ${name}`, () => {
    let opened: OpenObjects | undefined;
    const store = (): OpenObjects => {
      if (!opened) throw new Error("the store is not open");
      return opened;
    };
    beforeAll(async () => {
      opened = await open();
    });
    afterAll(async () => await opened?.close());

    describe("written by us", () => writtenByUs(store));
    describe("listed and removed", () => listedAndRemoved(store, gaps));
    describe("a tombstone", () => tombstones(store));
    describe("uploaded in one piece", () => uploadedInOnePiece(store));
    describe("uploaded in parts", () => uploadedInParts(store));
  });
}

async function* failing(bytes: Uint8Array) {
  yield await Promise.resolve(bytes);
  throw new Error("the source broke");
}

function writtenByUs(store: Store): void {
  it("an object bears the digest that its sender took, asked for when its last byte is out", async () => {
    const { objects } = store();
    const [key, bytes] = [freshKey("v"), randomBytes(minPartBytes + 1)];
    const body = streamOf(bytes);
    const digest = () => (body.readableEnded ? sha256(bytes) : "too early");
    await objects.put(key, body, { sizeBytes: bytes.length, mediaType, sha256: digest });
    expect((await objects.head(key))?.sha256).toBe(sha256(bytes));
    expect((await contentOf(objects, key)).equals(bytes)).toBe(true);
  });

  it.each([0, 1, minPartBytes + 1])("an object of %i bytes is read as it was put", async (sizeBytes) => {
    const { objects } = store();
    const [key, bytes] = [freshKey("v"), randomBytes(sizeBytes)];
    const metadata = { "file-name": "a b.jpg", page: "1" };
    const put = await objects.put(key, streamOf(bytes), { sizeBytes, mediaType: "image/jpeg", metadata });
    expect(put).toEqual({ outcome: "created", versionId: expect.stringMatching(/./) });
    const facts = await objects.head(key);
    const versionId = put.outcome === "created" && put.versionId;
    expect(facts).toMatchObject({ key, sizeBytes, mediaType: "image/jpeg", metadata, versionId });
    expect(facts).toMatchObject({ sha256: sha256(bytes), compositeSha256: null });
    expect(Math.abs(Date.now() - facts!.modifiedAt.getTime())).toBeLessThan(10 * 60_000);
    expect((await contentOf(objects, key)).equals(bytes)).toBe(true);
  });

  it("a key that nobody wrote has no facts and cannot be read", async () => {
    const { objects } = store();
    const key = freshKey();
    expect(await objects.head(key)).toBeNull();
    await expect(contentOf(objects, key)).rejects.toThrow();
  });

  it("a second put to a key leaves the first object as it is", async () => {
    const { objects } = store();
    const key = freshKey();
    const versionId = await putBytes(objects, key, Buffer.from("first"));
    const second = await objects.put(key, streamOf(Buffer.from("other")), { sizeBytes: 5, mediaType });
    expect(second).toEqual({ outcome: "exists" });
    expect((await contentOf(objects, key)).toString()).toBe("first");
    expect((await objects.head(key))?.versionId).toBe(versionId);
  });

  it("of eight puts to one key at once exactly one creates the object, and its bytes are there", async () => {
    const { objects } = store();
    const key = freshKey("v");
    const bodies = Array.from({ length: 8 }, () => randomBytes(200_000));
    const puts = bodies.map((bytes) =>
      objects.put(key, streamOf(bytes), { sizeBytes: bytes.length, mediaType }),
    );
    const outcomes = (await Promise.all(puts)).map(({ outcome }) => outcome);
    expect(outcomes.filter((outcome) => outcome === "created")).toHaveLength(1);
    const winner = bodies[outcomes.indexOf("created")]!;
    expect((await contentOf(objects, key)).equals(winner)).toBe(true);
  });

  const bytes = randomBytes(300_000);
  it.each([
    ["fails in the middle", () => Readable.from(failing(bytes)), 600_000],
    ["fails before its first byte", () => new Readable({ read: () => {} }).destroy(new Error("gone")), 10],
    ["is one byte short", () => streamOf(bytes), bytes.length + 1],
    ["is one byte long", () => streamOf(bytes), bytes.length - 1],
    ["is empty where a byte was promised", () => Readable.from([]), 1],
  ])("a body that %s leaves no object", async (_, body, sizeBytes) => {
    const { objects } = store();
    const key = freshKey();
    await expect(objects.put(key, body(), { sizeBytes, mediaType })).rejects.toThrow();
    expect(await objects.head(key)).toBeNull();
    expect(await keysUnder(objects, key)).toEqual([]);
  });

  it("a put that is aborted in the middle ends, and leaves no object", async () => {
    const { objects } = store();
    const [key, stop] = [freshKey(), new AbortController()];
    let pieces = 0;
    const body = new Readable({
      read() {
        pieces += 1;
        if (pieces < 3) this.push(bytes);
        else stop.abort();
      },
    });
    const options = { sizeBytes: 1_000_000, mediaType, signal: stop.signal };
    await expect(objects.put(key, body, options)).rejects.toThrow();
    expect(await objects.head(key)).toBeNull();
    await putBytes(objects, key, bytes);
  });

  it("a put that was aborted before it began leaves no object", async () => {
    const { objects } = store();
    const key = freshKey();
    const options = { sizeBytes: bytes.length, mediaType, signal: AbortSignal.abort() };
    await expect(objects.put(key, streamOf(bytes), options)).rejects.toThrow();
    expect(await objects.head(key)).toBeNull();
  });

  const tooLong = [`s/${"a".repeat(201)}`, `s${"/abc".repeat(256)}`];
  const otherAreas = ["", "s", "s/", "/s/a", "x/a", "S/a", "../s/a"];
  const otherNames = [
    "s//a",
    "s/a/",
    "s/../v/a",
    "s/./a",
    "s/..",
    "s/a b",
    "s/ä",
    "s/a%2fb",
    "s/a\\b",
    "s/a\0b",
    "s/a\n",
  ];
  it.each([...otherAreas, ...otherNames, ...tooLong])("%j is no key", async (key) => {
    const { objects } = store();
    const grant = grantFor(Buffer.alloc(0), { key });
    await expect(objects.put(key, Readable.from([]), { sizeBytes: 0, mediaType })).rejects.toThrow();
    await expect(objects.head(key)).rejects.toThrow();
    await expect(objects.read(key)).rejects.toThrow();
    await expect(objects.remove(key, "any")).rejects.toThrow();
    await expect(objects.signPut(grant)).rejects.toThrow();
    await expect(objects.startParts(key, { mediaType, metadata: {} })).rejects.toThrow();
  });
}

function tombstones(store: Store): void {
  it("is written once, read back, and listed apart from staging and vault", async () => {
    const { objects } = store();
    const key = freshKey("t");
    await putBytes(objects, key, Buffer.from("gone"));
    const again = await objects.put(key, streamOf(Buffer.from("back")), { sizeBytes: 4, mediaType });
    expect(again).toEqual({ outcome: "exists" });
    expect((await contentOf(objects, key)).toString()).toBe("gone");
    expect(await keysUnder(objects, "t/")).toContain(key);
    for (const area of ["s/", "v/"]) expect(await keysUnder(objects, area)).not.toContain(key);
  });

  it("is neither removed nor uploaded by anybody", async () => {
    const { objects } = store();
    const key = freshKey("t");
    const versionId = await putBytes(objects, key, Buffer.from("gone"));
    await expect(objects.remove(key, versionId)).rejects.toThrow("tombstone");
    expect((await objects.head(key))?.versionId).toBe(versionId);
    const other = freshKey("t");
    await expect(objects.signPut(grantFor(Buffer.alloc(1), { key: other }))).rejects.toThrow("tombstone");
    await expect(objects.startParts(other, { mediaType, metadata: {} })).rejects.toThrow("tombstone");
  });
}

const because = (gap: string | undefined) => (gap === undefined ? "" : ` (skipped: ${gap})`);

function listedAndRemoved(store: Store, gaps: ObjectGaps): void {
  it.skipIf(gaps.directories !== undefined)(
    `an object may bear a name that another key goes on from${because(gaps.directories)}`,
    async () => {
      const { objects } = store();
      const key = freshKey("v");
      await putBytes(objects, key, Buffer.from("above"));
      await putBytes(objects, `${key}/below`, Buffer.from("below"));
      expect((await contentOf(objects, key)).toString()).toBe("above");
      expect(await keysUnder(objects, key)).toEqual([key, `${key}/below`]);
    },
  );

  it("a list holds every object under a prefix in key order, with its facts, and no other", async () => {
    const { objects } = store();
    const under = freshKey("v");
    const apart = ["a-b", "a.b", "a/b/c", "a0", "B", "b/x", "b/x.y", "_"];
    const names = gaps.directories === undefined ? ["a", "a/b", ...apart] : apart;
    for (const name of names) await putBytes(objects, `${under}/${name}`, Buffer.from(name));
    const expected = names.map((name) => `${under}/${name}`).sort();
    expect(await keysUnder(objects, `${under}/`)).toEqual(expected);
    expect(await keysUnder(objects, `${under}/a`)).toEqual(
      expected.filter((key) => key.startsWith(`${under}/a`)),
    );
    expect(await keysUnder(objects, `${under}/a/b`)).toEqual(
      expected.filter((key) => key.startsWith(`${under}/a/b`)),
    );
    expect(await keysUnder(objects, `${under}/../`)).toEqual([]);
    expect(await keysUnder(objects, `${under}/nobody`)).toEqual([]);
    for await (const facts of objects.list(`${under}/`)) {
      const text = Buffer.from(facts.key.slice(under.length + 1));
      const { key, sizeBytes, versionId, modifiedAt } = facts;
      expect(sizeBytes).toBe(text.length);
      expect(await objects.head(key)).toMatchObject({
        key,
        sizeBytes,
        versionId,
        modifiedAt,
        sha256: sha256(text),
        mediaType,
      });
    }
  });

  it("a removed object is gone, and its key is free again", async () => {
    const { objects } = store();
    const key = freshKey();
    const first = await putBytes(objects, key, Buffer.from("first"));
    await objects.remove(key, first);
    expect(await objects.head(key)).toBeNull();
    expect(await keysUnder(objects, key)).toEqual([]);
    const second = await putBytes(objects, key, Buffer.from("second"));
    expect(second).not.toBe(first);
  });

  it("removing a version deletes no other one", async () => {
    const { objects } = store();
    const key = freshKey();
    const first = await putBytes(objects, key, Buffer.from("first"));
    await objects.remove(key, first);
    const second = await putBytes(objects, key, Buffer.from("second"));
    await objects.remove(key, first);
    expect((await objects.head(key))?.versionId).toBe(second);
    expect((await contentOf(objects, key)).toString()).toBe("second");
  });

  it("removing what is not there is no error", async () => {
    const { objects } = store();
    const key = freshKey();
    await expect(objects.remove(key, "0".repeat(32))).resolves.toBeUndefined();
    const versionId = await putBytes(objects, key, Buffer.from("x"));
    await objects.remove(key, versionId);
    await expect(objects.remove(key, versionId)).resolves.toBeUndefined();
  });

  it("neighbours may be written and removed at once", async () => {
    const { objects } = store();
    const under = freshKey();
    const kept = `${under}/directory/kept`;
    if (gaps.directories !== undefined) await putBytes(objects, kept, Buffer.from("x"));
    const rounds = Array.from({ length: 8 }, async (_, index) => {
      for (let round = 0; round < 10; round += 1) {
        const key = `${under}/directory/${index}-${round}`;
        await objects.remove(key, await putBytes(objects, key, Buffer.from("x")));
      }
    });
    await Promise.all(rounds);
    expect((await keysUnder(objects, under)).filter((key) => key !== kept)).toEqual([]);
  });
}

function grantFor(bytes: Uint8Array, changes: Partial<PutGrant> = {}): PutGrant {
  const metadata = { document: randomUUID(), file: randomUUID() };
  const bound = { sizeBytes: bytes.length, sha256: sha256(bytes), expiresInMs: 60_000 };
  return { key: freshKey(), mediaType: "image/jpeg", metadata, ...bound, ...changes };
}

function uploadedInOnePiece(store: Store): void {
  it.each([0, 1, minPartBytes + 1])(
    "a signed PUT of %i bytes stores the object with the facts of its grant",
    async (sizeBytes) => {
      const { objects, upload } = store();
      const bytes = randomBytes(sizeBytes);
      const grant = grantFor(bytes);
      const request = await objects.signPut(grant);
      expect(request.headers).toMatchObject({ "content-length": String(sizeBytes), "if-none-match": "*" });
      expect(request.expiresAt.getTime()).toBeGreaterThan(Date.now());
      expect(await upload(request, bytes)).toBe(200);
      const { key, sha256: hash, mediaType: type, metadata } = grant;
      expect(await objects.head(key)).toMatchObject({
        key,
        sizeBytes,
        sha256: hash,
        compositeSha256: null,
        mediaType: type,
        metadata,
      });
      expect((await contentOf(objects, key)).equals(bytes)).toBe(true);
    },
  );

  it("a signed PUT that comes again finds the key taken", async () => {
    const { objects, upload } = store();
    const bytes = randomBytes(1000);
    const grant = grantFor(bytes);
    expect(await upload(await objects.signPut(grant), bytes)).toBe(200);
    const before = await objects.head(grant.key);
    expect(await upload(await objects.signPut(grant), bytes)).toBe(412);
    expect(await objects.head(grant.key)).toEqual(before);
  });

  it("bytes with another hash than granted are refused and leave no object", async () => {
    const { objects, upload } = store();
    const bytes = randomBytes(1000);
    const grant = grantFor(bytes);
    expect(await upload(await objects.signPut(grant), randomBytes(1000))).toBe(400);
    expect(await objects.head(grant.key)).toBeNull();
    expect(await upload(await objects.signPut(grant), bytes)).toBe(200);
  });

  it.each([
    ["another type", { "content-type": "text/html" }],
    ["another checksum", { "x-amz-checksum-sha256": Buffer.alloc(32).toString("base64") }],
    ["other metadata", { "x-amz-meta-document": "another" }],
    ["metadata that nobody signed", { "x-amz-meta-extra": "1" }],
    ["another condition", { "if-none-match": '"x"' }],
  ])("a request with %s than signed is refused", async (_, changes) => {
    const { objects, upload } = store();
    const bytes = randomBytes(1000);
    const grant = grantFor(bytes);
    const request = await objects.signPut(grant);
    expect(await upload({ ...request, headers: { ...request.headers, ...changes } }, bytes)).toBe(403);
    expect(await objects.head(grant.key)).toBeNull();
  });

  it.each([
    ["a hash that is none", { sha256: "00" }],
    ["a negative size", { sizeBytes: -1 }],
    ["a part of a byte", { sizeBytes: 1.5 }],
    ["no time to live", { expiresInMs: 0 }],
    ["a type that breaks the header", { mediaType: "a\r\nb" }],
    ["metadata with a blank in its name", { metadata: { "a b": "1" } }],
    ["metadata that is not ASCII", { metadata: { name: "ä" } }],
    ["a name of metadata of 33 characters", { metadata: { ["a".repeat(33)]: "1" } }],
  ])("a grant with %s is not signed", async (_, changes) => {
    await expect(store().objects.signPut(grantFor(Buffer.from("x"), changes))).rejects.toThrow();
  });
}
