import { base64url, compactVerify, decodeProtectedHeader, importJWK } from "jose";
import * as z from "zod";
import type { Keys } from "../ports/keys.ts";

/** What signing needs: the signer, and its newest key's name beforehand, since the signed header holds it. */
export type Signer = Pick<Keys, "sign" | "publicKeys">;

/** A JWK Set as `/.well-known/jwks.json` serves it; members that no ES256 key has are left alone. */
export type JwkSet = { keys: readonly Record<string, unknown>[] };

/** Compact JWS (RFC 7515), ES256, of bytes; `typ` says what kind of statement it is. */
export async function signCompact(keys: Signer, typ: string, payload: Uint8Array): Promise<string> {
  let kid = (await keys.publicKeys())[0]?.kid;
  for (let tries = 0; tries < 3; tries += 1) {
    const input = `${encode({ alg: "ES256", typ, kid })}.${base64url.encode(payload)}`;
    const signed = await keys.sign(new TextEncoder().encode(input));
    if (signed.kid === kid) return `${input}.${base64url.encode(signed.signature)}`;
    kid = signed.kid; // replaced in this very moment
  }
  throw new Error("the signing key changed at every try");
}

const encode = (header: object) => base64url.encode(JSON.stringify(header));

/** Why a compact JWS does not hold. */
export type JwsFault = "malformed" | "wrong_type" | "unknown_key" | "bad_signature";

/** What `verifyCompact` finds. */
export type JwsCheck =
  | { outcome: "valid"; payload: Uint8Array; kid: string }
  | { outcome: "invalid"; reason: JwsFault };

/** Exactly what `signCompact` writes: no critical extensions, no keys or addresses of keys. */
const Header = z.strictObject({ alg: z.string(), typ: z.string(), kid: z.string() });

/** Verifies with ES256 alone, under the key of the set that the header names; `typ` must be exactly the given one. */
export async function verifyCompact(jws: string, jwks: JwkSet, typ: string): Promise<JwsCheck> {
  const header = headerOf(jws);
  if (header === null) return invalid("malformed");
  if (header.typ !== typ) return invalid("wrong_type");
  const key = await findKey(jwks, header.kid);
  if (key === null) return invalid("unknown_key");
  try {
    const { payload } = await compactVerify(jws, key, { algorithms: ["ES256"] });
    return { outcome: "valid", payload, kid: header.kid };
  } catch {
    return invalid("bad_signature");
  }
}

/** Which key a compact JWS says it is signed by; null when it is none. Proves nothing. */
export const signerOf = (jws: string): string | null => headerOf(jws)?.kid ?? null;

const invalid = (reason: JwsFault): JwsCheck => ({ outcome: "invalid", reason });

function headerOf(jws: string): z.infer<typeof Header> | null {
  try {
    const parts = jws.split(".");
    if (parts.length !== 3 || !parts.every(isCanonical)) return null;
    return Header.parse(decodeProtectedHeader(jws));
  } catch {
    return null;
  }
}

/** Base64url with spare bits set would be another text for the same bytes, and the signature is not signed. */
function isCanonical(part: string): boolean {
  return base64url.encode(base64url.decode(part)) === part;
}

async function findKey(jwks: JwkSet, kid: string) {
  const jwk = jwks.keys.find((key) => key["kid"] === kid && key["kty"] === "EC" && key["crv"] === "P-256");
  if (!jwk) return null;
  try {
    return await importJWK(jwk, "ES256");
  } catch {
    return null; // its point is not on the curve
  }
}
