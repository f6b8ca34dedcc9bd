import { createHmac, timingSafeEqual } from "node:crypto";
import { checkPartGrant, checkPutGrant } from "../ports/object-grant.ts";
import type { ObjectKey, PartGrant, PutGrant, SignedRequest } from "../ports/objects.ts";

/** What a signature covers; the texts are as they stand in the request. */
export type SignedFacts = {
  key: ObjectKey;
  part: { uploadId: string; partNumber: string } | null;
  /** Milliseconds since 1970. */
  expires: string;
  /** Names in lower case, in order. */
  headers: [name: string, value: string][];
};

/** Headers that bind every upload, and those that bind a single PUT besides its `x-amz-meta-…`. */
export const partHeaders = ["content-length", "x-amz-checksum-sha256"];
export const putHeaders = [...partHeaders, "content-type", "if-none-match"];
export const metadataPrefix = "x-amz-meta-";

/** At least as long as the HMAC's output, as RFC 2104 advises. */
const minKeyBytes = 32;

export type ObjectSigner = ReturnType<typeof createObjectSigner>;

/** Signs uploads and knows its signatures again. Throws when the key has fewer than 32 bytes. */
export function createObjectSigner({ publicUrl, signingKey }: { publicUrl: string; signingKey: Uint8Array }) {
  if (signingKey.length < minKeyBytes) throw new Error(`the signing key has fewer than ${minKeyBytes} bytes`);
  const base = publicUrl.replace(/\/$/, "");

  const signatureOf = ({ key, part, expires, headers }: SignedFacts) => {
    const text = JSON.stringify([
      "PUT",
      key,
      part?.uploadId ?? null,
      part?.partNumber ?? null,
      expires,
      headers,
    ]);
    return createHmac("sha256", signingKey).update(text).digest("hex");
  };

  function request(facts: SignedFacts): SignedRequest {
    const part = facts.part ? `uploadId=${facts.part.uploadId}&partNumber=${facts.part.partNumber}&` : "";
    const signed = facts.headers.map(([name]) => name).join(";");
    const query = `${part}expires=${facts.expires}&signed=${signed}&signature=${signatureOf(facts)}`;
    return {
      method: "PUT",
      url: `${base}/${facts.key}?${query}`,
      headers: Object.fromEntries(facts.headers),
      expiresAt: new Date(Number(facts.expires)),
    };
  }

  return {
    /** The path that every signed URL starts with, without a slash at its end. */
    basePath: new URL(base).pathname.replace(/\/$/, ""),

    signPut(grant: PutGrant, now: Date): SignedRequest {
      checkPutGrant(grant);
      const metadata = Object.entries(grant.metadata).map(
        ([name, value]) => [metadataPrefix + name, value] as const,
      );
      const headers = { ...boundHeaders(grant), "content-type": grant.mediaType, "if-none-match": "*" };
      return request({
        ...boundFacts(grant, now),
        part: null,
        headers: sorted([...Object.entries(headers), ...metadata]),
      });
    },

    signPart(grant: PartGrant, now: Date): SignedRequest {
      const { uploadId, partNumber } = grant;
      if (!/^[0-9a-f]{32}$/.test(uploadId)) throw new Error("not an upload id");
      checkPartGrant(grant);
      const part = { uploadId, partNumber: String(partNumber) };
      return request({
        ...boundFacts(grant, now),
        part,
        headers: sorted(Object.entries(boundHeaders(grant))),
      });
    },

    /** Compares in constant time. */
    isSignatureOf(signature: string, facts: SignedFacts): boolean {
      const [given, right] = [Buffer.from(signature), Buffer.from(signatureOf(facts))];
      return given.length === right.length && timingSafeEqual(given, right);
    },
  };
}

/** Headers in the order in which they are signed. */
export function sorted(headers: (readonly [string, string])[]): [string, string][] {
  return headers
    .map(([name, value]): [string, string] => [name, value])
    .sort(([one], [other]) => (one < other ? -1 : 1));
}

function boundFacts({ key, expiresInMs }: PutGrant | PartGrant, now: Date) {
  return { key, expires: String(now.getTime() + expiresInMs) };
}

function boundHeaders({ sizeBytes, sha256 }: PutGrant | PartGrant): Record<string, string> {
  return {
    "content-length": String(sizeBytes),
    "x-amz-checksum-sha256": Buffer.from(sha256, "hex").toString("base64"),
  };
}
