import { randomBytes, randomUUID } from "node:crypto";
import { expect, it } from "vitest";
import type { PutGrant } from "../ports/objects.ts";
import { contentOf, freshKey, minPartBytes, sha256, type Store } from "./open-objects.ts";

/** A grant for these bytes under a key that nobody has, with some facts changed. */
export function grantFor(bytes: Uint8Array, changes: Partial<PutGrant> = {}): PutGrant {
  const metadata = { document: randomUUID(), file: randomUUID() };
  const bound = { sizeBytes: bytes.length, sha256: sha256(bytes), expiresInMs: 60_000 };
  return { key: freshKey(), mediaType: "image/jpeg", metadata, ...bound, ...changes };
}

/** What the port promises of signed PUTs; a chapter of `objectsContract`. */
export function uploadedInOnePiece(store: Store): void {
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
