import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { NoSuchObject } from "../errors.ts";
import { listedAndRemoved, type ObjectGaps } from "./objects-listed.ts";
import { grantFor, uploadedInOnePiece } from "./objects-in-one-piece.ts";
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
    await expect(contentOf(objects, key)).rejects.toThrow(NoSuchObject);
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
