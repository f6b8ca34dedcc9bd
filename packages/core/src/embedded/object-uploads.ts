import { randomBytes } from "node:crypto";
import { mkdir, open, opendir, readdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import type { Clock } from "../clock.ts";
import type { ObjectKey, Objects, StoredPart } from "../ports/objects.ts";
import { isErrno, type ObjectDirectories, syncDirectory } from "./object-directory.ts";
import { writeObjectFile } from "./object-file.ts";
import { removeThroughTemp, withTemp } from "./object-temp.ts";
import { checkNotTombstone, checkObjectKey } from "../ports/object-key.ts";
import { checkParts, compositeOf, joinedParts, type PartFacts, readPart } from "./object-parts.ts";
import type { ObjectStore } from "./object-store.ts";

const StoredUpload = z.strictObject({
  key: z.string(),
  mediaType: z.string(),
  metadata: z.record(z.string(), z.string()),
  startedAt: z.iso.datetime().transform((text) => new Date(text)),
});
type StoredUpload = z.infer<typeof StoredUpload>;

/** How an upload is named: 16 random bytes in hex. */
const uploadName = /^[0-9a-f]{32}$/;

type Place = { directories: ObjectDirectories; store: ObjectStore; clock: Clock };
/** What lists have read of the open uploads, by their names. */
type Known = Map<string, StoredUpload>;

/** Uploads in parts: a directory each, with what the object will be in `upload.json` and one file per part. */
export type ObjectUploads = Pick<
  Objects,
  "startParts" | "listParts" | "completeParts" | "abortParts" | "listUploads"
> & {
  /** Whether an upload is open for this key. */
  isOpen(key: ObjectKey, uploadId: string): Promise<boolean>;
  /** Stores or replaces a part, durable when it resolves; the body's chunks are emptied. `unknown`: the upload is over, `differs`: other bytes. */
  putPart(to: NewPart, body: AsyncIterable<Uint8Array>): Promise<"stored" | "unknown" | "differs">;
};

/** A part that is to come; `sha256` in hex. */
export type NewPart = {
  key: ObjectKey;
  uploadId: string;
  partNumber: number;
  sizeBytes: number;
  sha256: string;
};

/** Uploads below the store's directories; `store` takes the joined object. */
export function createObjectUploads(place: Place): ObjectUploads {
  const known: Known = new Map();
  return {
    isOpen: async (key, uploadId) => (await find(place, key, uploadId)) !== null,
    putPart: (to, body) => putPart(place, to, body),
    startParts: (key, grant) => startParts(place, key, grant),
    listParts: (key, uploadId) => listParts(place, key, uploadId),
    completeParts: (key, uploadId, parts) => completeParts(place, key, uploadId, parts),
    abortParts: (key, uploadId) => abortParts(place, key, uploadId),
    listUploads: (prefix) => listUploads(place, known, prefix),
  };
}

function uploadPath({ directories }: Place, uploadId: string): string {
  return join(directories.uploads, uploadId);
}

function partPath(place: Place, uploadId: string, partNumber: number): string {
  return join(uploadPath(place, uploadId), String(partNumber).padStart(5, "0"));
}

async function startParts(
  place: Place,
  key: ObjectKey,
  { mediaType, metadata }: { mediaType: string; metadata: Record<string, string> },
): Promise<{ uploadId: string }> {
  checkObjectKey(key);
  checkNotTombstone(key);
  const uploadId = randomBytes(16).toString("hex");
  const startedAt = place.clock.now().toISOString();
  await withTemp(place.directories, async (temp) => {
    await mkdir(temp, { mode: 0o700 });
    await writeDurably(join(temp, "upload.json"), JSON.stringify({ key, mediaType, metadata, startedAt }));
    await syncDirectory(temp);
    await rename(temp, uploadPath(place, uploadId));
  });
  await syncDirectory(place.directories.uploads);
  return { uploadId };
}

async function find(place: Place, key: ObjectKey, uploadId: string): Promise<StoredUpload | null> {
  checkObjectKey(key);
  if (!/^[0-9a-f]{32}$/.test(uploadId)) return null;
  const upload = await readUpload(uploadPath(place, uploadId));
  return upload?.key === key ? upload : null;
}

async function putPart(place: Place, to: NewPart, body: AsyncIterable<Uint8Array>) {
  const { uploadId, partNumber, sizeBytes } = to;
  const describe = (sha256: string): PartFacts | null =>
    sha256 === to.sha256 ? { sizeBytes, sha256 } : null;
  return await withTemp(place.directories, async (temp) => {
    const outcome = await writeObjectFile(temp, body, sizeBytes, describe, { givesChunks: true });
    if (outcome === "unfinished") return "differs";
    try {
      await rename(temp, partPath(place, uploadId, partNumber));
    } catch (error) {
      if (isErrno(error, "ENOENT")) return "unknown";
      throw error;
    }
    await syncDirectory(uploadPath(place, uploadId));
    return "stored";
  });
}

async function listParts(place: Place, key: ObjectKey, uploadId: string): Promise<StoredPart[]> {
  if ((await find(place, key, uploadId)) === null) return [];
  const names = await namesIn(uploadPath(place, uploadId));
  const numbers = names.filter((name) => /^\d{5}$/.test(name)).map(Number);
  const reading = numbers.map((number) => readPart(partPath(place, uploadId, number), number));
  const parts = (await Promise.all(reading)).filter((part) => part !== null);
  return parts.sort((one, other) => one.partNumber - other.partNumber);
}

async function completeParts(place: Place, key: ObjectKey, uploadId: string, parts: StoredPart[]) {
  const { store } = place;
  const upload = await find(place, key, uploadId);
  try {
    if (upload === null) throw new Error(`upload ${uploadId} of ${key} is unknown`);
    const outcome = (await store.holds(key)) ? "exists" : await joinParts(place, uploadId, upload, parts);
    await abortParts(place, key, uploadId);
    return outcome;
  } catch (error) {
    // Another completion may have won and taken the parts away under this one.
    if (await store.holds(key)) return "exists";
    throw error;
  }
}

async function joinParts(place: Place, uploadId: string, upload: StoredUpload, parts: StoredPart[]) {
  const { key, mediaType, metadata } = upload;
  checkParts(parts, await listParts(place, key, uploadId));
  const sizeBytes = parts.reduce((sum, part) => sum + part.sizeBytes, 0);
  const body = joinedParts(parts, ({ partNumber }) => partPath(place, uploadId, partNumber));
  const compositeSha256 = compositeOf(parts);
  const is = {
    sizeBytes,
    mediaType,
    metadata,
    compositeSha256,
    expectedSha256: null,
    digest: "none",
    givesChunks: true,
  } as const;
  const { outcome } = await place.store.write(key, body, is);
  return outcome === "created" ? "completed" : "exists";
}

async function abortParts(place: Place, key: ObjectKey, uploadId: string): Promise<void> {
  if ((await find(place, key, uploadId)) === null) return;
  await removeThroughTemp(place.directories, async (temp) => {
    // In one step: no part is left behind that a late PUT could still reach.
    await rename(uploadPath(place, uploadId), temp).catch((error: unknown) => {
      if (!isErrno(error, "ENOENT")) throw error;
    });
  });
  await syncDirectory(place.directories.uploads);
}

/**
 * A damaged one does not hide the sound ones: the list goes on, and fails at its end. What is no upload of ours is passed over. What an
 * upload is never changes, so that it is read once: whoever looks for those of one document after the other would read them all for
 * each, and one that is not waited for long enough gets further the next time.
 */
async function* listUploads(place: Place, known: Known, prefix: string): ReturnType<Objects["listUploads"]> {
  const damaged: unknown[] = [];
  const gone = new Set(known.keys());
  for await (const { name: uploadId } of await opendir(place.directories.uploads)) {
    if (!uploadName.test(uploadId)) continue;
    gone.delete(uploadId);
    const upload = await readOnce(place, known, uploadId).catch((error) => void damaged.push(error));
    if (upload?.key.startsWith(prefix)) yield { key: upload.key, uploadId, startedAt: upload.startedAt };
  }
  for (const uploadId of gone) known.delete(uploadId);
  if (damaged.length > 0) throw new AggregateError(damaged, damaged.map(String).join("; "));
}

async function readOnce(place: Place, known: Known, uploadId: string): Promise<StoredUpload | null> {
  const upload = known.get(uploadId) ?? (await readUpload(uploadPath(place, uploadId)));
  if (upload) known.set(uploadId, upload);
  return upload;
}

async function readUpload(directory: string): Promise<StoredUpload | null> {
  try {
    return StoredUpload.parse(JSON.parse(await readFile(join(directory, "upload.json"), "utf8")));
  } catch (error) {
    if (isErrno(error, "ENOENT")) return null;
    throw new Error(`upload ${directory} is damaged`, { cause: error });
  }
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, "wx", 0o400);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}
