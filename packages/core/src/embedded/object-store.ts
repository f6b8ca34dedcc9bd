import { randomBytes } from "node:crypto";
import { access, type FileHandle, rename, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { Readable } from "node:stream";
import * as z from "zod";
import type { Clock } from "../clock.ts";
import { DamagedObject, NoSuchObject } from "../errors.ts";
import type { ObjectFacts, ObjectKey } from "../ports/objects.ts";
import {
  areaOf,
  isErrno,
  type ObjectDirectories,
  objectPath,
  openIfThere,
  removeEmptyDirectories,
  syncDirectory,
} from "./object-directory.ts";
import { type DigestSource, readObjectData, readObjectFacts, writeObjectFile } from "./object-file.ts";
import { type GiveName, ObjectNames } from "./object-names.ts";
import { removeThroughTemp, withTemp } from "./object-temp.ts";
import { checkNotTombstone, checkObjectKey } from "../ports/object-key.ts";

/** What a writer knows of an object before its bytes have come. */
export type NewObject = {
  sizeBytes: number;
  mediaType: string;
  metadata: Record<string, string>;
  compositeSha256: string | null;
  /** In hex; null when any bytes of that length will do. */
  expectedSha256: string | null;
  /** Whence the object's own SHA-256; taken from the bytes by default. */
  digest?: DigestSource;
  /** Whether the body's chunks may be emptied once they are written; not by default. */
  givesChunks?: boolean;
  signal?: AbortSignal | undefined;
};

/** `differs`: the bytes have another SHA-256 than expected; nothing was kept. */
export type WriteOutcome =
  | { outcome: "created"; versionId: string }
  | { outcome: "exists" }
  | { outcome: "differs" };

export type ObjectStore = ReturnType<typeof createObjectStore>;

const StoredFacts = z.strictObject({
  key: z.string(),
  sizeBytes: z.int().nonnegative(),
  sha256: z.string().nullable(),
  compositeSha256: z.string().nullable(),
  mediaType: z.string(),
  metadata: z.record(z.string(), z.string()),
  versionId: z.string(),
  modifiedAt: z.iso.datetime().transform((text) => new Date(text)),
});

/** Objects as files: each holds its own facts, so that data and facts appear and vanish together. */
export function createObjectStore(directories: ObjectDirectories, clock: Clock) {
  const names = new ObjectNames(directories.root);
  const pathOf = (key: ObjectKey) => {
    checkObjectKey(key);
    return objectPath(directories, key);
  };

  async function write(
    key: ObjectKey,
    body: AsyncIterable<Uint8Array | string>,
    is: NewObject,
  ): Promise<WriteOutcome> {
    const path = pathOf(key);
    const versionId = randomBytes(16).toString("hex");
    const describe = (sha256: string) => factsOfNew(key, is, { sha256, versionId, at: clock.now() });
    const writeAndName = async (temp: string, give: GiveName): Promise<WriteOutcome> => {
      if ((await writeObjectFile(temp, body, is.sizeBytes, describe, is)) === "unfinished")
        return { outcome: "differs" };
      is.signal?.throwIfAborted();
      const outcome = await give(temp);
      return outcome === "created" ? { outcome, versionId } : { outcome };
    };
    return await withTemp(directories, (temp) => names.naming(path, (give) => writeAndName(temp, give)));
  }

  async function head(key: ObjectKey): Promise<ObjectFacts | null> {
    const file = await openOrMiss(directories, key, pathOf(key));
    if (file === null) return null;
    try {
      return await factsOf(file, key);
    } finally {
      await file.close();
    }
  }

  async function read(key: ObjectKey): Promise<Readable> {
    const file = await openObject(directories, key, pathOf(key));
    try {
      return readObjectData(file, (await factsOf(file, key)).sizeBytes);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  const holds = async (key: ObjectKey): Promise<boolean> =>
    await isDurable(names, pathOf(key), await head(key));

  const remove = async (key: ObjectKey, versionId: string): Promise<void> => {
    checkNotTombstone(key);
    await removeVersion({ directories, names }, key, pathOf(key), versionId);
  };

  return { write, head, holds, read, remove };
}

/** What stands at the end of a new object's file; null when its bytes are not those that were expected. */
function factsOfNew(
  key: ObjectKey,
  { sizeBytes, mediaType, metadata, compositeSha256, expectedSha256 }: NewObject,
  { sha256, versionId, at }: { sha256: string; versionId: string; at: Date },
): z.input<typeof StoredFacts> | null {
  if (expectedSha256 !== null && expectedSha256 !== sha256) return null;
  const hashes = { sha256: compositeSha256 === null ? sha256 : null, compositeSha256 };
  return { key, sizeBytes, ...hashes, mediaType, metadata, versionId, modifiedAt: at.toISOString() };
}

/** Whether there is such an object; when it resolves, its name is durable: whoever gave it may have been killed before that. */
async function isDurable(names: ObjectNames, path: string, found: ObjectFacts | null): Promise<boolean> {
  if (found !== null) await names.makeDurable(path);
  return found !== null;
}

/** Null when there is no such object. @throws what the system says when its area is away: then nothing is known to be lost. */
async function openOrMiss(directories: ObjectDirectories, key: ObjectKey, path: string) {
  const file = await openIfThere(path);
  if (file === null) await access(areaOf(directories, key));
  return file;
}

/** The same. @throws `NoSuchObject` when there is none. */
async function openObject(directories: ObjectDirectories, key: ObjectKey, path: string): Promise<FileHandle> {
  const file = await openOrMiss(directories, key, path);
  if (file === null) throw new NoSuchObject(key);
  return file;
}

async function removeVersion(
  { directories, names }: { directories: ObjectDirectories; names: ObjectNames },
  key: ObjectKey,
  path: string,
  versionId: string,
): Promise<void> {
  const file = await openIfThere(path);
  if (file === null) return;
  try {
    if ((await factsOf(file, key)).versionId !== versionId) return;
    await removeThroughTemp(directories, (aside) => takeAway(names, path, aside, file));
  } finally {
    await file.close();
  }
  await syncDirectory(dirname(path));
  await removeEmptyDirectories(dirname(path), areaOf(directories, key));
}

/**
 * Moves the very file that was read to `aside`. Between reading and moving another may have removed it and a third put
 * a new object under the key: that one goes back. A plain unlink would have deleted it.
 */
async function takeAway(names: ObjectNames, path: string, aside: string, file: FileHandle): Promise<void> {
  try {
    await rename(path, aside);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return;
    throw error;
  }
  const [meant, moved] = [await file.stat({ bigint: true }), await stat(aside, { bigint: true })];
  if (meant.ino !== moved.ino) await names.naming(path, (give) => give(aside));
}

async function factsOf(file: FileHandle, key: ObjectKey): Promise<ObjectFacts> {
  try {
    const { facts: json, sizeBytes } = await readObjectFacts(file);
    const facts = StoredFacts.parse(json);
    if (facts.key !== key || facts.sizeBytes !== sizeBytes)
      throw new Error("its facts belong to other bytes");
    return facts;
  } catch (error) {
    if (error instanceof Error && "syscall" in error) throw error; // the disk's, which says nothing of the bytes
    throw new DamagedObject(key, { cause: error });
  }
}
