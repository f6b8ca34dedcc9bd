import { addAbortSignal } from "node:stream";
import type { Clock } from "../clock.ts";
import { checkContent } from "../ports/object-grant.ts";
import type { ObjectKey, Objects } from "../ports/objects.ts";
import { type ObjectDirectories, openObjectDirectories } from "./object-directory.ts";
import { listObjects } from "./object-list.ts";
import { createObjectSigner, type ObjectSigner } from "./object-signing.ts";
import { createObjectStore, type ObjectStore } from "./object-store.ts";
import { untilGone } from "./object-temp.ts";
import { createObjectUploads, type ObjectUploads } from "./object-uploads.ts";

/** What the server of signed uploads needs beyond the port. */
export type ObjectIntake = {
  signer: ObjectSigner;
  store: ObjectStore;
  uploads: ObjectUploads;
  clock: Clock;
  /** Tells of an object that is durable, as S3's events do; returns at once and never throws. */
  announce(key: ObjectKey): void;
  onFault(error: unknown): void;
};

/** Objects as files on one machine, with what their upload server needs. */
export type EmbeddedObjects = Objects & { intake: ObjectIntake };

type Options = {
  root: string;
  /** Where the upload server is reached, `http://127.0.0.1:7010/objects` say; its path must arrive unchanged. */
  publicUrl: string;
  /** At least 32 bytes, the same in every process that signs or serves. */
  signingKey: Uint8Array;
  clock: Clock;
  /** Told once an uploaded object is durable, by signed PUT or completed parts. A hint: it may be lost, like S3's. */
  onStored?: (stored: { key: ObjectKey }) => void | Promise<void>;
  /** Told of our own faults while serving, and of a failing `onStored`; a warning of the process by default. */
  onFault?: (error: unknown) => void;
};

/**
 * Objects below `root` (directories 0700, files 0400); several processes may share it.
 * Creates `root` and clears away what dead writers left. Throws when the signing key is too short.
 */
export function createEmbeddedObjects({
  root,
  publicUrl,
  signingKey,
  clock,
  onStored,
  onFault = warn,
}: Options): EmbeddedObjects {
  const directories = openObjectDirectories(root, clock.now());
  const signer = createObjectSigner({ publicUrl, signingKey });
  const store = createObjectStore(directories, clock);
  const uploads = createObjectUploads({ directories, store, clock });
  const announce = (key: ObjectKey) =>
    void Promise.resolve()
      .then(() => onStored?.({ key }))
      .catch(onFault);

  return {
    intake: { signer, store, uploads, clock, announce, onFault },

    signPut: async (grant) => signer.signPut(grant, clock.now()),
    signPart: async (grant) => signer.signPart(grant, clock.now()),

    async startParts(key, grant) {
      checkContent(grant.mediaType, grant.metadata);
      return await uploads.startParts(key, grant);
    },
    listParts: (key, uploadId) => uploads.listParts(key, uploadId),
    async completeParts(key, uploadId, parts) {
      const outcome = await uploads.completeParts(key, uploadId, parts);
      if (outcome === "completed") announce(key);
      return outcome;
    },
    abortParts: (key, uploadId) => uploads.abortParts(key, uploadId),
    listUploads: (prefix) => toTheLast(directories, uploads.listUploads(prefix)),

    head: store.head,
    read: store.read,
    put: (key, body, options) => put(store, key, body, options),
    remove: store.remove,
    list: (prefix, range) =>
      toTheLast(directories, listObjects(directories, { prefix, ...range }, store.head)),
  };
}

/** A list ends when what it does not show any more is off the disk, too: whoever saw that nothing is left may certify it. */
async function* toTheLast<Listed>(
  directories: ObjectDirectories,
  listing: AsyncIterable<Listed>,
): AsyncGenerator<Listed> {
  yield* listing;
  await untilGone(directories);
}

async function put(
  store: ObjectStore,
  ...[key, body, { sizeBytes, mediaType, metadata = {}, sha256, givesChunks = false, signal }]: Parameters<
    Objects["put"]
  >
): ReturnType<Objects["put"]> {
  // A body may fail or be aborted before its first byte is asked for; without a listener that ends the process.
  body.on("error", () => {});
  if (signal) addAbortSignal(signal, body);
  try {
    checkContent(mediaType, metadata);
    const digest = sha256 ?? ("taken" as const);
    const is = {
      sizeBytes,
      mediaType,
      metadata,
      compositeSha256: null,
      expectedSha256: null,
      digest,
      givesChunks,
      signal,
    };
    const written = await store.write(key, body, is);
    if (written.outcome === "differs") throw new Error("bytes differ where none were expected");
    return written;
  } finally {
    body.destroy();
  }
}

function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error));
}
