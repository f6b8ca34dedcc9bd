import { PutObjectCommand, UploadPartCommand } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { checkPartGrant, checkPutGrant } from "../ports/object-grant.ts";
import type { PartGrant, PutGrant, SignedRequest } from "../ports/objects.ts";
import { placeOf, type Store, toBase64 } from "./object-client.ts";

const checksum = "x-amz-checksum-sha256";
const metadataPrefix = "x-amz-meta-";

/** Signs a PUT by which S3 itself refuses other bytes, another length, type or metadata, and a key that is taken. */
export async function signPut(store: Store, grant: PutGrant): Promise<SignedRequest> {
  checkPutGrant(grant);
  const { sizeBytes, mediaType, metadata } = grant;
  const command = new PutObjectCommand({
    ...placeOf(store, grant.key),
    ContentLength: sizeBytes,
    ContentType: mediaType,
    ChecksumSHA256: toBase64(grant.sha256),
    IfNoneMatch: "*",
    Metadata: metadata,
  });
  const facts = Object.entries(metadata).map(([name, value]) => [metadataPrefix + name, value] as const);
  const life = lifeOf(grant);
  const url = await getSignedUrl(store.client, command, {
    expiresIn: life.seconds,
    // Unless told, the presigner leaves these unsigned, and moves those into the query, where they bind nothing.
    signableHeaders: new Set(["content-length", "content-type", "if-none-match"]),
    unhoistableHeaders: new Set([checksum, ...facts.map(([name]) => name)]),
  });
  const headers = {
    ...boundHeaders(grant),
    "content-type": mediaType,
    "if-none-match": "*",
    ...Object.fromEntries(facts),
  };
  return { method: "PUT", url, headers, expiresAt: life.expiresAt };
}

/** Signs the PUT of one part; its type is the upload's. */
export async function signPart(store: Store, grant: PartGrant): Promise<SignedRequest> {
  checkPartGrant(grant);
  const command = new UploadPartCommand({
    ...placeOf(store, grant.key),
    UploadId: grant.uploadId,
    PartNumber: grant.partNumber,
    ContentLength: grant.sizeBytes,
    ChecksumSHA256: toBase64(grant.sha256),
  });
  const life = lifeOf(grant);
  const url = await getSignedUrl(store.client, command, {
    expiresIn: life.seconds,
    signableHeaders: new Set(["content-length"]),
    unhoistableHeaders: new Set([checksum]),
  });
  return { method: "PUT", url, headers: boundHeaders(grant), expiresAt: life.expiresAt };
}

/** S3 counts in whole seconds; the moment that we tell is never later than the true one. */
function lifeOf({ expiresInMs }: PutGrant | PartGrant): { seconds: number; expiresAt: Date } {
  const seconds = Math.ceil(expiresInMs / 1000);
  const signedAtMs = Math.floor(Date.now() / 1000) * 1000;
  return { seconds, expiresAt: new Date(signedAtMs + seconds * 1000) };
}

function boundHeaders({ sizeBytes, sha256 }: PutGrant | PartGrant): Record<string, string> {
  return { "content-length": String(sizeBytes), [checksum]: toBase64(sha256) };
}
