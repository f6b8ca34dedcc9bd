import { createHash, randomBytes, randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ObjectKey, Objects, PutGrant, SignedRequest, StoredPart } from "../ports/objects.ts";

/** A store under test: its port, a client that sends signed requests as they stand, and its end. */
export type OpenObjects = {
  objects: Objects;
  /** Sends the body with the request's headers; resolves to the HTTP status. */
  upload: (request: SignedRequest, body: Uint8Array) => Promise<number>;
  close: () => Promise<void>;
};

const mebibyte = 1024 * 1024;
/** S3 takes no smaller part, except for the last. */
const minPartBytes = 5 * mebibyte;
const mediaType = "application/octet-stream";

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const freshKey = (area: "s" | "v" = "s"): ObjectKey => `${area}/contract/${randomUUID()}/${randomUUID()}`;
/** In pieces, so that an adapter sees more than one chunk. */
const streamOf = (bytes: Uint8Array) => Readable.from(piecesOf(bytes), { objectMode: false });

async function* failing(bytes: Uint8Array) {
  yield await Promise.resolve(bytes);
  throw new Error("the source broke");
}

function* piecesOf(bytes: Uint8Array) {
  for (let at = 0; at < bytes.length; at += 100_000) yield bytes.subarray(at, at + 100_000);
}

/** What every adapter of the objects port must pass; `open` is called once. */
export function objectsContract(name: string, open: () => Promise<OpenObjects>): void {
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
    describe("listed and removed", () => listedAndRemoved(store));
    describe("uploaded in one piece", () => uploadedInOnePiece(store));
    describe("uploaded in parts", () => uploadedInParts(store));
  });
}

type Store = () => OpenObjects;

async function contentOf(objects: Objects, key: ObjectKey): Promise<Buffer> {
  return await buffer(await objects.read(key));
}

async function putBytes(objects: Objects, key: ObjectKey, bytes: Uint8Array): Promise<string> {
  const put = await objects.put(key, streamOf(bytes), { sizeBytes: bytes.length, mediaType });
  if (put.outcome !== "created") throw new Error(`${key} exists`);
  return put.versionId;
}

async function allOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

async function keysUnder(objects: Objects, prefix: string): Promise<ObjectKey[]> {
  return (await allOf(objects.list(prefix))).map(({ key }) => key);
}

function writtenByUs(store: Store): void {
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

  it("an object may bear a name that another key goes on from", async () => {
    const { objects } = store();
    const key = freshKey("v");
    await putBytes(objects, key, Buffer.from("above"));
    await putBytes(objects, `${key}/below`, Buffer.from("below"));
    expect((await contentOf(objects, key)).toString()).toBe("above");
    expect(await keysUnder(objects, key)).toEqual([key, `${key}/below`]);
  });
}

function listedAndRemoved(store: Store): void {
  it("a list holds every object under a prefix in key order, with its facts, and no other", async () => {
    const { objects } = store();
    const under = freshKey("v");
    const names = ["a", "a-b", "a.b", "a/b", "a/b/c", "a0", "B", "b/x", "b/x.y", "_"];
    for (const name of names) await putBytes(objects, `${under}/${name}`, Buffer.from(name));
    const expected = names.map((name) => `${under}/${name}`).sort();
    expect(await keysUnder(objects, `${under}/`)).toEqual(expected);
    expect(await keysUnder(objects, `${under}/a`)).toEqual(
      expected.filter((key) => key.startsWith(`${under}/a`)),
    );
    expect(await keysUnder(objects, `${under}/a/b`)).toEqual([`${under}/a/b`, `${under}/a/b/c`]);
    expect(await keysUnder(objects, `${under}/../`)).toEqual([]);
    expect(await keysUnder(objects, `${under}/nobody`)).toEqual([]);
    for await (const facts of objects.list(`${under}/`)) {
      const text = Buffer.from(facts.key.slice(under.length + 1));
      expect(facts).toMatchObject({ sizeBytes: text.length, sha256: sha256(text), mediaType });
      expect(facts).toEqual(await objects.head(facts.key));
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
    const rounds = Array.from({ length: 8 }, async (_, index) => {
      for (let round = 0; round < 10; round += 1) {
        const key = `${under}/directory/${index}-${round}`;
        await objects.remove(key, await putBytes(objects, key, Buffer.from("x")));
      }
    });
    await Promise.all(rounds);
    expect(await keysUnder(objects, under)).toEqual([]);
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

async function uploadPart(
  opened: OpenObjects,
  to: { key: ObjectKey; uploadId: string; partNumber: number },
  bytes: Uint8Array,
) {
  const grant = { ...to, sizeBytes: bytes.length, sha256: sha256(bytes), expiresInMs: 60_000 };
  return await opened.upload(await opened.objects.signPart(grant), bytes);
}

/** An upload whose parts have these sizes; all of them are in the store. */
async function uploadParts(opened: OpenObjects, sizes: number[]) {
  const key = freshKey();
  const grant = { mediaType: "application/pdf", metadata: { document: randomUUID() } };
  const { uploadId } = await opened.objects.startParts(key, grant);
  const contents = sizes.map((size) => randomBytes(size));
  for (const [index, bytes] of contents.entries()) {
    expect(await uploadPart(opened, { key, uploadId, partNumber: index + 1 }, bytes)).toBe(200);
  }
  return { key, uploadId, grant, contents, parts: await opened.objects.listParts(key, uploadId) };
}

function compositeOf(contents: Uint8Array[]): string {
  const digests = contents.map((bytes) => createHash("sha256").update(bytes).digest());
  return `${createHash("sha256").update(Buffer.concat(digests)).digest("base64")}-${contents.length}`;
}

function uploadedInParts(store: Store): void {
  it.each([
    ["one part", [1]],
    ["two parts", [minPartBytes, 1]],
    ["three parts", [minPartBytes + 1, minPartBytes, 77]],
  ])("%s become one object with the composite of their hashes", async (_, sizes) => {
    const opened = store();
    const { objects } = opened;
    const { key, uploadId, grant, contents, parts } = await uploadParts(opened, sizes);
    const told = contents.map((bytes, index) => ({
      partNumber: index + 1,
      sizeBytes: bytes.length,
      sha256: sha256(bytes),
    }));
    expect(parts).toMatchObject(told);
    expect(await objects.head(key)).toBeNull();
    expect(await objects.completeParts(key, uploadId, parts)).toBe("completed");
    const whole = Buffer.concat(contents);
    const facts = {
      key,
      sizeBytes: whole.length,
      sha256: null,
      compositeSha256: compositeOf(contents),
      ...grant,
    };
    expect(await objects.head(key)).toMatchObject(facts);
    expect((await contentOf(objects, key)).equals(whole)).toBe(true);
    expect(await objects.listParts(key, uploadId)).toEqual([]);
  });

  it("an upload is listed until it is completed or aborted", async () => {
    const opened = store();
    const { objects } = opened;
    const [completed, aborted] = [await uploadParts(opened, [1]), await uploadParts(opened, [1])];
    const open = async () =>
      (await allOf(objects.listUploads("s/contract/"))).map(({ uploadId }) => uploadId);
    expect(await open()).toEqual(expect.arrayContaining([completed.uploadId, aborted.uploadId]));
    const [listed] = await allOf(objects.listUploads(completed.key));
    expect(listed).toMatchObject({
      key: completed.key,
      uploadId: completed.uploadId,
      startedAt: expect.any(Date),
    });
    expect(await allOf(objects.listUploads("v/"))).toEqual([]);
    await objects.completeParts(completed.key, completed.uploadId, completed.parts);
    await objects.abortParts(aborted.key, aborted.uploadId);
    const left = await open();
    expect(left).not.toContain(completed.uploadId);
    expect(left).not.toContain(aborted.uploadId);
  });

  it("a part that is sent again replaces the one before", async () => {
    const opened = store();
    const { key, uploadId } = await uploadParts(opened, [10]);
    expect(await uploadPart(opened, { key, uploadId, partNumber: 1 }, Buffer.from("again"))).toBe(200);
    const parts = await opened.objects.listParts(key, uploadId);
    expect(parts).toMatchObject([{ partNumber: 1, sizeBytes: 5 }]);
    await opened.objects.completeParts(key, uploadId, parts);
    expect((await contentOf(opened.objects, key)).toString()).toBe("again");
  });

  const small: StoredPart = { partNumber: 3, sizeBytes: 1, sha256: sha256(Buffer.from("x")), etag: '"x"' };
  it.each<[string, (parts: StoredPart[]) => StoredPart[]]>([
    ["names a part that is missing", (parts) => [...parts, small]],
    ["names another hash", ([one, two]) => [one!, { ...two!, sha256: small.sha256 }]],
    ["names another tag", ([one, two]) => [one!, { ...two!, etag: small.etag }]],
    ["names its parts in the wrong order", ([one, two]) => [two!, one!]],
    ["names no part at all", () => []],
  ])("a completion that %s is refused, and the right one still succeeds", async (_, alter) => {
    const opened = store();
    const { key, uploadId, parts } = await uploadParts(opened, [minPartBytes, minPartBytes]);
    await expect(opened.objects.completeParts(key, uploadId, alter(parts))).rejects.toThrow();
    expect(await opened.objects.head(key)).toBeNull();
    expect(await opened.objects.completeParts(key, uploadId, parts)).toBe("completed");
  });

  it("a completion with a part that was replaced since it was listed is refused", async () => {
    const opened = store();
    const { key, uploadId, parts } = await uploadParts(opened, [10]);
    expect(await uploadPart(opened, { key, uploadId, partNumber: 1 }, randomBytes(10))).toBe(200);
    await expect(opened.objects.completeParts(key, uploadId, parts)).rejects.toThrow();
    expect(await opened.objects.head(key)).toBeNull();
  });

  it("a part below 5 MiB is refused unless it is the last", async () => {
    const opened = store();
    const { key, uploadId, parts } = await uploadParts(opened, [minPartBytes - 1, 10]);
    await expect(opened.objects.completeParts(key, uploadId, parts)).rejects.toThrow();
    expect(await opened.objects.head(key)).toBeNull();
  });

  it("a completion that comes twice, or twice at once, makes one object", async () => {
    const opened = store();
    const { objects } = opened;
    const { key, uploadId, parts } = await uploadParts(opened, [minPartBytes, 10]);
    const complete = () => objects.completeParts(key, uploadId, parts);
    const outcomes = await Promise.all([complete(), complete()]);
    expect(outcomes).toContain("completed");
    const before = await objects.head(key);
    expect(await complete()).toBe("exists");
    expect(await objects.head(key)).toEqual(before);
  });

  it("a completion never overwrites an object that came first", async () => {
    const opened = store();
    const { key, uploadId, parts } = await uploadParts(opened, [10]);
    await putBytes(opened.objects, key, Buffer.from("first"));
    expect(await opened.objects.completeParts(key, uploadId, parts)).toBe("exists");
    expect((await contentOf(opened.objects, key)).toString()).toBe("first");
  });

  it("an aborted upload is over: it takes no part and cannot be completed", async () => {
    const opened = store();
    const { objects } = opened;
    const { key, uploadId, parts } = await uploadParts(opened, [10]);
    await objects.abortParts(key, uploadId);
    expect(await objects.listParts(key, uploadId)).toEqual([]);
    expect(await uploadPart(opened, { key, uploadId, partNumber: 1 }, randomBytes(10))).toBe(404);
    await expect(objects.completeParts(key, uploadId, parts)).rejects.toThrow();
    await objects.abortParts(key, uploadId);
    expect(await objects.head(key)).toBeNull();
  });

  it("an upload answers to its own key only", async () => {
    const opened = store();
    const { objects } = opened;
    const { key, uploadId, parts } = await uploadParts(opened, [10]);
    const other = freshKey();
    expect(await objects.listParts(other, uploadId)).toEqual([]);
    await expect(objects.completeParts(other, uploadId, parts)).rejects.toThrow();
    await objects.abortParts(other, uploadId);
    expect(await objects.completeParts(key, uploadId, parts)).toBe("completed");
  });
}
