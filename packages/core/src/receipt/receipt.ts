import { base64url } from "jose";
import * as z from "zod";
import { signCompact, type Signer } from "./compact-jws.ts";

/** JWS type of a receipt. */
export const receiptType = "strongroom-receipt+jwt";

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const time = z.iso.datetime();

/** What a receipt states. Times are ISO 8601 UTC; claims that a later version adds are ignored. */
export const ReceiptClaims = z.object({
  /** Address of the deployment that signed. */
  iss: z.string().min(1),
  /** `storedAt` in whole seconds since 1970 (RFC 7519). */
  iat: z.int().nonnegative(),
  tenant: z.uuid(),
  document: z.uuid(),
  confirmationCode: z.string().min(1),
  kind: z.string().min(1),
  loadNumber: z.string().nullable(),
  /** The files as uploaded, byte for byte, in page order; positions count from 1. */
  originals: z
    .array(z.object({ position: z.int().positive(), sha256, sizeBytes: z.int().nonnegative() }))
    .min(1),
  receivedAt: time,
  storedAt: time,
  /** Root key that the document's data key is wrapped under. */
  keyId: z.string().min(1),
  /** The last audit checkpoint before signing, with the SHA-256 of its payload; null before the first. */
  checkpoint: z.object({ sequence: z.int().positive(), sha256 }).nullable(),
});
export type ReceiptClaims = z.infer<typeof ReceiptClaims>;

/** Claims without `iat`, which follows from `storedAt`. */
export type ReceiptFacts = Omit<ReceiptClaims, "iat">;

/** The signed bytes: JSON, members always in the same order. Throws when a fact is malformed. */
export function receiptPayload(facts: ReceiptFacts): Uint8Array {
  const claims = ReceiptClaims.parse({ ...facts, iat: Math.floor(Date.parse(facts.storedAt) / 1000) });
  return new TextEncoder().encode(JSON.stringify(claims));
}

/** Signs a receipt: compact JWS, ES256, type `strongroom-receipt+jwt`. */
export async function signReceipt(keys: Signer, facts: ReceiptFacts): Promise<string> {
  return signCompact(keys, receiptType, receiptPayload(facts));
}

/** What a receipt says, unverified: for display only. Null when it is no receipt. */
export function readReceipt(jws: string): ReceiptClaims | null {
  try {
    return parseClaims(base64url.decode(jws.split(".")[1] ?? ""));
  } catch {
    return null;
  }
}

/** Claims from signed bytes. Null when they are not those of a receipt. */
export function parseClaims(payload: Uint8Array): ReceiptClaims | null {
  try {
    return ReceiptClaims.parse(JSON.parse(new TextDecoder().decode(payload)));
  } catch {
    return null;
  }
}
