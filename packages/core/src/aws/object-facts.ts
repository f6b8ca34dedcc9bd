import { type HeadObjectCommandOutput, HeadObjectCommand } from "@aws-sdk/client-s3";
import type { ObjectFacts, ObjectKey } from "../ports/objects.ts";
import { placeOf, statusOf, type Store, toHex } from "./object-client.ts";

/** Null when there is no such object. Without `s3:ListBucket` S3 would answer 403 instead, and this would throw. */
export async function head(store: Store, key: ObjectKey): Promise<ObjectFacts | null> {
  const command = new HeadObjectCommand({ ...placeOf(store, key), ChecksumMode: "ENABLED" });
  try {
    return factsOf(key, await store.client.send(command));
  } catch (error) {
    if (statusOf(error) === 404) return null;
    throw error;
  }
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
