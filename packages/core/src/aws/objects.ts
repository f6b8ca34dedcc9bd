import { DeleteObjectCommand, GetObjectCommand } from "@aws-sdk/client-s3";
import { Readable } from "node:stream";
import { NoSuchObject } from "../errors.ts";
import type { ObjectKey, Objects } from "../ports/objects.ts";
import { checkNotTombstone } from "../ports/object-key.ts";
import { isRefusal, placeOf, type Store } from "./object-client.ts";
import { head } from "./object-facts.ts";
import { listObjects, listUploads } from "./object-list.ts";
import { put } from "./object-put.ts";
import { signPart, signPut } from "./object-signing.ts";
import { createObjectUploads } from "./object-uploads.ts";

/** Objects in S3: `s/…` in the staging bucket, `t/…` and `v/…` in the vault. Make the client with `createS3Client`. */
export function createS3Objects(store: Store): Objects & { close(): Promise<void> } {
  return {
    signPut: (grant) => signPut(store, grant),
    signPart: (grant) => signPart(store, grant),
    ...createObjectUploads(store),
    head: (key) => head(store, key),
    read: (key) => read(store, key),
    put: (key, body, options) => put(store, key, body, options),
    remove: (key, versionId) => remove(store, key, versionId),
    list: (prefix, range) => listObjects(store, prefix, range),
    listUploads: (prefix) => listUploads(store, prefix),
    close: async () => store.client.destroy(),
  };
}

async function read(store: Store, key: ObjectKey): Promise<Readable> {
  const { Body } = await store.client
    .send(new GetObjectCommand(placeOf(store, key)))
    .catch((error: unknown) => {
      throw isRefusal(error, "NoSuchKey") ? new NoSuchObject(key, { cause: error }) : error;
    });
  if (!(Body instanceof Readable)) throw new Error(`S3 gave no body for ${key}`);
  return Body;
}

/** S3 answers 400 to what cannot be a version of its own. */
async function remove(store: Store, key: ObjectKey, versionId: string): Promise<void> {
  checkNotTombstone(key);
  const command = new DeleteObjectCommand({ ...placeOf(store, key), VersionId: versionId });
  await store.client.send(command).catch((error: unknown) => {
    if (!isRefusal(error, "InvalidArgument", "NoSuchVersion", "NoSuchKey")) throw error;
  });
}
