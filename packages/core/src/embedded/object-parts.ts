import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import * as z from "zod";
import type { StoredPart } from "../ports/objects.ts";
import { openIfThere } from "./object-directory.ts";
import { readObjectData, readObjectFacts } from "./object-file.ts";

/** Every part but the last has at least so many bytes (S3's limit). */
const minPartBytes = 5 * 1024 * 1024;

/** What stands at the end of a part's file; `sha256` in hex. */
const PartFacts = z.strictObject({ sizeBytes: z.int().nonnegative(), sha256: z.string() });
export type PartFacts = z.infer<typeof PartFacts>;

/** The entity tag of stored bytes; opaque to callers. */
export function etagOf(sha256: string): string {
  return `"${sha256.slice(0, 32)}"`;
}

/** S3's checksum of checksums: base64 of SHA-256 over the parts' digests, a hyphen, the number of parts. */
export function compositeOf(parts: StoredPart[]): string {
  const digests = Buffer.concat(parts.map((part) => Buffer.from(part.sha256, "hex")));
  return `${createHash("sha256").update(digests).digest("base64")}-${parts.length}`;
}

/** Throws unless the parts are in order, large enough for S3, and the very ones that the store holds. */
export function checkParts(parts: StoredPart[], stored: StoredPart[]): void {
  if (parts.length === 0) throw new Error("an upload has at least one part");
  for (const [index, part] of parts.entries()) {
    const name = `part ${part.partNumber}`;
    const next = parts[index + 1];
    if (next && next.partNumber <= part.partNumber) throw new Error(`${name} is out of order`);
    if (next && part.sizeBytes < minPartBytes)
      throw new Error(`${name} is smaller than ${minPartBytes} bytes`);
    const there = stored.find(({ partNumber }) => partNumber === part.partNumber);
    if (!there) throw new Error(`${name} is missing`);
    const same =
      there.sha256 === part.sha256 && there.sizeBytes === part.sizeBytes && there.etag === part.etag;
    if (!same) throw new Error(`${name} differs from the one in the store`);
  }
}

/** The bytes of all parts, hashed again: throws when one was replaced or has rotted since it was listed. */
export async function* joinedParts(
  parts: StoredPart[],
  pathOf: (part: StoredPart) => string,
): AsyncGenerator<Uint8Array> {
  for (const part of parts) {
    const hash = createHash("sha256");
    for await (const chunk of readObjectData(await open(pathOf(part), "r"), part.sizeBytes)) {
      hash.update(chunk as Uint8Array);
      yield chunk as Uint8Array;
    }
    if (hash.digest("hex") !== part.sha256) throw new Error(`part ${part.partNumber} has changed`);
  }
}

/** A part as it lies on disk, or null when there is none. Throws when it is cut short. */
export async function readPart(path: string, partNumber: number): Promise<StoredPart | null> {
  const file = await openIfThere(path);
  if (file === null) return null;
  try {
    const { facts, sizeBytes } = await readObjectFacts(file);
    const { sha256, sizeBytes: declaredBytes } = PartFacts.parse(facts);
    if (declaredBytes !== sizeBytes) throw new Error(`part ${partNumber} is cut short`);
    return { partNumber, sizeBytes, sha256, etag: etagOf(sha256) };
  } finally {
    await file.close();
  }
}
