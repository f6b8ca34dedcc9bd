import { checkNotTombstone, checkObjectKey } from "./object-key.ts";
import type { PartGrant, PutGrant } from "./objects.ts";

/** S3's limit on all names and values of an object's metadata. */
const maxMetadataBytes = 2048;

/** Throws unless a grant can be signed as it stands: grants are made by us, so a bad one is our fault. */
export function checkPutGrant(grant: PutGrant): void {
  checkContent(grant.mediaType, grant.metadata);
  checkGrant(grant);
}

/** The same for a part. */
export function checkPartGrant(grant: PartGrant): void {
  const { partNumber } = grant;
  if (!isWholeNumber(partNumber, 1) || partNumber > 10_000)
    throw new Error(`${partNumber} is no part number`);
  checkGrant(grant);
}

function checkGrant({ key, sizeBytes, sha256, expiresInMs }: PutGrant | PartGrant): void {
  checkObjectKey(key);
  checkNotTombstone(key);
  if (!isWholeNumber(expiresInMs, 1)) throw new Error(`a grant cannot expire in ${expiresInMs} ms`);
  if (!isWholeNumber(sizeBytes, 0)) throw new Error(`an upload cannot have ${sizeBytes} bytes`);
  if (!/^[0-9a-f]{64}$/.test(sha256)) throw new Error("a SHA-256 is written as 64 lower-case hex digits");
}

/** Throws unless media type and metadata come through HTTP headers unchanged and S3 takes them as well. */
export function checkContent(mediaType: string, metadata: Record<string, string>): void {
  if (mediaType === "" || !isHeaderValue(mediaType))
    throw new Error(`not a media type: ${JSON.stringify(mediaType)}`);
  let total = 0;
  for (const [name, value] of Object.entries(metadata)) {
    if (!/^[a-z0-9-]{1,32}$/.test(name)) throw new Error(`not a name of metadata: ${JSON.stringify(name)}`);
    if (!isHeaderValue(value))
      throw new Error(`metadata ${name} is not plain ASCII without blanks at its ends`);
    total += name.length + value.length;
  }
  if (total > maxMetadataBytes) throw new Error(`metadata of ${total} bytes is over ${maxMetadataBytes}`);
}

function isHeaderValue(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text) && text.trim() === text;
}

function isWholeNumber(value: number, least: number): boolean {
  return Number.isSafeInteger(value) && value >= least;
}
