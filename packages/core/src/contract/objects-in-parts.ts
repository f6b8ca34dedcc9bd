import { createHash, randomBytes, randomUUID } from "node:crypto";
import { expect, it } from "vitest";
import type { ObjectKey, StoredPart } from "../ports/objects.ts";
import {
  allOf,
  contentOf,
  freshKey,
  minPartBytes,
  type OpenObjects,
  putBytes,
  sha256,
  type Store,
} from "./open-objects.ts";

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

/** What the port promises of uploads in parts; a chapter of `objectsContract`. */
export function uploadedInParts(store: Store): void {
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
    expect(["completed", "exists"]).toContain(await complete()); // S3 may repeat its first answer
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
