import type { Readable } from "node:stream";

/** Key of an object: `s/…` lies in the staging area, `v/…` in the vault, `t/…` among the tombstones. */
export type ObjectKey = string;

/** A request that anybody who holds it may send once, exactly as it stands, until `expiresAt`. */
export type SignedRequest = { method: "PUT"; url: string; headers: Record<string, string>; expiresAt: Date };

/** What a signed single PUT binds: key, length, type, SHA-256 and expiry; the key must not exist yet. */
export type PutGrant = {
  key: ObjectKey;
  sizeBytes: number;
  mediaType: string;
  /** Of the whole file, 64 lower-case hex digits. */
  sha256: string;
  /** Facts of the grant, stored with the object (names of at most 32 characters, ASCII values). */
  metadata: Record<string, string>;
  expiresInMs: number;
};

/** What a signed part PUT binds: key, upload, part number, length, SHA-256 of the part and expiry. */
export type PartGrant = {
  key: ObjectKey;
  uploadId: string;
  /** 1 to 10,000. */
  partNumber: number;
  sizeBytes: number;
  sha256: string;
  expiresInMs: number;
};

/** A part that lies in the store, as the store itself tells. */
export type StoredPart = { partNumber: number; sizeBytes: number; sha256: string; etag: string };

/** What the store itself knows of an object. */
export type ObjectFacts = {
  key: ObjectKey;
  sizeBytes: number;
  /** SHA-256 of the whole object in hex; null when it was put in parts. */
  sha256: string | null;
  /** S3's composite of a multipart upload: base64 of SHA-256 over the parts' digests, `-`, number of parts; null for single PUTs. */
  compositeSha256: string | null;
  mediaType: string;
  metadata: Record<string, string>;
  /** Names this very object among all that ever bore the key. */
  versionId: string;
  modifiedAt: Date;
};

/** What a list tells of an object; the rest is the head's to tell. */
export type ListedObject = Pick<ObjectFacts, "key" | "sizeBytes" | "versionId" | "modifiedAt">;

/** Part of a list: keys that come after `after`, up to `upTo` (itself included). */
export type KeyRange = { after?: ObjectKey; upTo?: ObjectKey };

/** Objects that are written once and never changed: files on one machine, S3 on AWS. */
export interface Objects {
  signPut(grant: PutGrant): Promise<SignedRequest>;
  /** Opens a multipart upload; the key must not exist when it is completed. */
  startParts(
    key: ObjectKey,
    grant: { mediaType: string; metadata: Record<string, string> },
  ): Promise<{ uploadId: string }>;
  signPart(grant: PartGrant): Promise<SignedRequest>;
  /** Parts in order of their numbers; empty when the upload is unknown or over. */
  listParts(key: ObjectKey, uploadId: string): Promise<StoredPart[]>;
  /**
   * Joins the parts. `exists`: the key was taken before (by an earlier completion, say); HEAD decides what it holds.
   * Throws when a part is missing or differs. A second call is safe.
   */
  completeParts(key: ObjectKey, uploadId: string, parts: StoredPart[]): Promise<"completed" | "exists">;
  /** Throws away an upload and its parts; unknown uploads are no error. */
  abortParts(key: ObjectKey, uploadId: string): Promise<void>;
  /** Null when there is no such object. */
  head(key: ObjectKey): Promise<ObjectFacts | null>;
  /**
   * The object's bytes, each chunk the reader's own. Rejects with `NoSuchObject` when there is no such object, (or the stream
   * fails) with `NotAsStored` when it is seen to be cut short, with another error when the store does not answer.
   */
  read(key: ObjectKey): Promise<Readable>;
  /**
   * Writes `sizeBytes` bytes if the key is free; durable when it resolves. Rejects, and leaves no object, when the body
   * fails, is shorter or longer, or the signal aborts. `exists`: somebody was first; nothing was written. `sha256` is the
   * sender's own digest in hex, asked for once the body has ended: the store then takes none of its own. With
   * `givesChunks` the body's chunks become the store's, to be emptied when it has written them.
   */
  put(
    key: ObjectKey,
    body: Readable,
    options: {
      sizeBytes: number;
      mediaType: string;
      metadata?: Record<string, string>;
      sha256?: () => string;
      givesChunks?: boolean;
      signal?: AbortSignal;
    },
  ): Promise<{ outcome: "created"; versionId: string } | { outcome: "exists" }>;
  /** Deletes one version for good; an unknown one is no error. Throws for a key below `t/`: tombstones stay. */
  remove(key: ObjectKey, versionId: string): Promise<void>;
  /** Every object under a prefix, in key order; `listed` may lag behind `head` by a moment. */
  list(prefix: string, range?: KeyRange): AsyncIterable<ListedObject>;
  /** Uploads in parts that are neither completed nor aborted, under a prefix. */
  listUploads(prefix: string): AsyncIterable<{ key: ObjectKey; uploadId: string; startedAt: Date }>;
}
