import { S3Client, S3ServiceException, type S3ClientConfig } from "@aws-sdk/client-s3";
import { checkObjectKey } from "../ports/object-key.ts";
import type { ObjectKey } from "../ports/objects.ts";

/** The bucket of the keys `s/…` and that of the keys `v/…` and `t/…`; both keep versions. */
export type Buckets = { staging: string; vault: string };

/** What every call of the adapter is made with. */
export type Store = { client: S3Client; buckets: Buckets };

/** What fails is thrown; the SDK's own remarks on it would go to the console. */
const silent = { debug() {}, info() {}, warn() {}, error() {} };

/**
 * A client that adds no checksums of its own accord: signed URLs would bind the CRC32 of an empty body, and an aborted
 * stream would end the process. Where we want one, we name it.
 */
export function createS3Client(options: S3ClientConfig): S3Client {
  return new S3Client({
    requestHandler: { connectionTimeout: 3_000, socketTimeout: 30_000 },
    logger: silent,
    // A refused put is refused before its body is sent: the answer to half a body is often lost with its connection.
    expectContinueHeader: true,
    ...options,
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  });
}

/** Where a key lies; throws unless it is one. */
export function placeOf({ buckets }: Store, key: ObjectKey): { Bucket: string; Key: string } {
  checkObjectKey(key);
  return { Bucket: key.startsWith("s/") ? buckets.staging : buckets.vault, Key: key };
}

/** The buckets in which keys with this prefix may lie. */
export function bucketsUnder({ buckets }: Store, prefix: string): string[] {
  if (prefix.startsWith("s")) return [buckets.staging];
  if (prefix.startsWith("t") || prefix.startsWith("v")) return [buckets.vault];
  return prefix === "" ? [buckets.staging, buckets.vault] : [];
}

/** HTTP status of S3's refusal; null when it was not S3 who refused. */
export function statusOf(error: unknown): number | null {
  return error instanceof S3ServiceException ? (error.$metadata.httpStatusCode ?? null) : null;
}

/** Whether S3 refused with one of these codes. */
export function isRefusal(error: unknown, ...codes: string[]): boolean {
  return error instanceof S3ServiceException && codes.includes(error.name);
}

/** S3 writes a digest in base64, we in hex. */
export const toBase64 = (hex: string): string => Buffer.from(hex, "hex").toString("base64");
/** The inverse of `toBase64`. */
export const toHex = (base64: string): string => Buffer.from(base64, "base64").toString("hex");
