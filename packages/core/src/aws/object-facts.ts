import {
  HeadBucketCommand,
  type HeadObjectCommandOutput,
  HeadObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import type { ObjectFacts, ObjectKey } from "../ports/objects.ts";
import { placeOf, statusOf, type Store, toHex } from "./object-client.ts";

/** Buckets that have answered a client. One that holds anything cannot be deleted: it is asked for once. */
const answered = new WeakMap<S3Client, Set<string>>();

/**
 * Null when there is no such object; throws when there is no such bucket, which a HEAD does not tell from it: it has no body.
 * Without `s3:ListBucket` S3 would answer 403 instead, and this would throw.
 */
export async function head(store: Store, key: ObjectKey): Promise<ObjectFacts | null> {
  const command = new HeadObjectCommand({ ...placeOf(store, key), ChecksumMode: "ENABLED" });
  try {
    return factsOf(key, await store.client.send(command));
  } catch (error) {
    if (statusOf(error) !== 404) throw error;
    await checkBucket(store, key);
    return null;
  }
}

async function checkBucket(store: Store, key: ObjectKey): Promise<void> {
  const { Bucket } = placeOf(store, key);
  const known = answered.get(store.client) ?? new Set();
  answered.set(store.client, known);
  if (known.has(Bucket)) return;
  await store.client.send(new HeadBucketCommand({ Bucket })).catch((cause: Error) => {
    throw statusOf(cause) === 404 ? new Error(`there is no bucket ${Bucket}`, { cause }) : cause;
  });
  known.add(Bucket);
}

function factsOf(key: ObjectKey, answer: HeadObjectCommandOutput): ObjectFacts {
  const { ContentLength, ContentType, LastModified, VersionId, Metadata, ChecksumSHA256 = null } = answer;
  if (ContentLength === undefined || !LastModified) throw new Error(`S3 told nothing of ${key}`);
  const isComposite = ChecksumSHA256?.includes("-") ?? false;
  return {
    key,
    sizeBytes: ContentLength,
    sha256: ChecksumSHA256 === null || isComposite ? null : toHex(ChecksumSHA256),
    compositeSha256: isComposite ? ChecksumSHA256 : null,
    mediaType: ContentType ?? "application/octet-stream",
    metadata: Metadata ?? {},
    versionId: versionOf(VersionId, key),
    modifiedAt: LastModified,
  };
}

/** Throws when the bucket keeps no versions: without them nobody could tell which object a removal means. */
export function versionOf(versionId: string | undefined, key: ObjectKey): string {
  if (versionId === undefined || versionId === "null")
    throw new Error(`the bucket of ${key} keeps no versions`);
  return versionId;
}
