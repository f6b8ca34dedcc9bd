import { createHash, randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import type { ObjectKey, Objects, SignedRequest } from "../ports/objects.ts";

/** A store under test: its port, a client that sends signed requests as they stand, and its end. */
export type OpenObjects = {
  objects: Objects;
  /** Sends the body with the request's headers; resolves to the HTTP status. */
  upload: (request: SignedRequest, body: Uint8Array) => Promise<number>;
  close: () => Promise<void>;
};

const mebibyte = 1024 * 1024;
/** S3 takes no smaller part, except for the last. */
export const minPartBytes = 5 * mebibyte;
/** Of every object that has no reason for another. */
export const mediaType = "application/octet-stream";

/** In hex, as the port writes it. */
export const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
/** A key that no other test uses. */
export const freshKey = (area: "s" | "t" | "v" = "s"): ObjectKey =>
  `${area}/contract/${randomUUID()}/${randomUUID()}`;
/** In pieces, so that an adapter sees more than one chunk. */
export const streamOf = (bytes: Uint8Array) => Readable.from(piecesOf(bytes), { objectMode: false });

function* piecesOf(bytes: Uint8Array) {
  for (let at = 0; at < bytes.length; at += 100_000) yield bytes.subarray(at, at + 100_000);
}

/** The open store, once it is. */
export type Store = () => OpenObjects;

/** All bytes of an object. */
export async function contentOf(objects: Objects, key: ObjectKey): Promise<Buffer> {
  return await buffer(await objects.read(key));
}

/** Puts an object that must be new; gives its version. */
export async function putBytes(objects: Objects, key: ObjectKey, bytes: Uint8Array): Promise<string> {
  const put = await objects.put(key, streamOf(bytes), { sizeBytes: bytes.length, mediaType });
  if (put.outcome !== "created") throw new Error(`${key} exists`);
  return put.versionId;
}

/** What an iteration gives, in order. */
export async function allOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** Keys under a prefix, as they are listed. */
export async function keysUnder(objects: Objects, prefix: string): Promise<ObjectKey[]> {
  return (await allOf(objects.list(prefix))).map(({ key }) => key);
}
