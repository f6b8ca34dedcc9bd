/*
 * An independent check of a receipt (RFC 7515 compact JWS, ES256) against published keys and the files at hand:
 * nothing but node:crypto.
 *
 *   node proof/check/verify-receipt.ts RECEIPT KEYS [FILE …]      exit 0: it holds; exit 1: it does not; a sentence either way
 *
 * RECEIPT is a file with the JWS, KEYS the JSON of the JWK Set, FILE a file that the receipt should list.
 */
import { createHash, createPublicKey, verify } from "node:crypto";
import { readFileSync, realpathSync } from "node:fs";

export type Jwk = { kid?: string; kty?: string; crv?: string; x?: string; y?: string };
/** What a receipt states, as far as it is looked at here. */
export type Claims = {
  tenant: string;
  document: string;
  storedAt: string;
  originals: { position: number; sha256: string; sizeBytes: number }[];
  /** The last audit checkpoint before it was signed. */
  checkpoint: { sequence: number; sha256: string } | null;
};

/** Verifies signature and files; returns the sentence that says what holds, throws the one that says what does not. */
function verifyReceipt(
  jws: string,
  jwks: { keys: Jwk[] },
  files: { name: string; bytes: Uint8Array }[],
): string {
  const claims = verifiedClaims(jws, jwks);
  const pages = files.map(({ name, bytes }) => `${name} is original ${positionOf(claims, name, bytes)}`);
  const rest = `document ${claims.document} with ${claims.originals.length} original(s) was stored at ${claims.storedAt}`;
  return `The receipt holds: ${[rest, ...pages].join("; ")}.`;
}

/** The claims of a receipt whose signature holds under one of the keys; throws a sentence that says why it does not. */
export function verifiedClaims(jws: string, jwks: { keys: Jwk[] }): Claims {
  const parts = jws.split(".");
  const [header, payload, signature] = parts.map((part) => Buffer.from(part, "base64url"));
  if (
    parts.length !== 3 ||
    parts.some((part) => Buffer.from(part, "base64url").toString("base64url") !== part)
  ) {
    throw new Error("This is not a compact JWS.");
  }
  const { alg, typ, kid, ...others } = JSON.parse(header!.toString());
  if (alg !== "ES256" || typ !== "strongroom-receipt+jwt" || Object.keys(others).length > 0) {
    throw new Error("This is not a receipt signed with ES256.");
  }
  const key = jwks.keys.find((one) => one.kid === kid && one.kty === "EC" && one.crv === "P-256");
  if (!key) throw new Error(`The keys do not hold ${kid}, which the receipt names.`);
  const signed = Buffer.from(`${parts[0]}.${parts[1]}`, "ascii");
  if (!signatureHolds(key, signed, signature!)) {
    throw new Error("The signature does not hold: the receipt was changed, or another key signed it.");
  }
  return JSON.parse(payload!.toString());
}

/** Whether 64 bytes, r and s, are the ES256 signature of bytes under a key on P-256. */
export function signatureHolds({ x, y }: Jwk, signed: Uint8Array, signature: Uint8Array): boolean {
  const publicKey = createPublicKey({ key: { kty: "EC", crv: "P-256", x: x!, y: y! }, format: "jwk" });
  return verify("sha256", signed, { key: publicKey, dsaEncoding: "ieee-p1363" }, signature);
}

function positionOf(claims: Claims, name: string, bytes: Uint8Array): number {
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const listed = claims.originals.find((one) => one.sha256 === sha256 && one.sizeBytes === bytes.length);
  if (!listed)
    throw new Error(`The receipt is genuine, but ${name} is not on it: it is another file, or was changed.`);
  return listed.position;
}

function main([receipt, keys, ...files]: string[]): void {
  if (!receipt || !keys) throw new Error("Usage: node verify-receipt.ts RECEIPT KEYS [FILE …]");
  const atHand = files.map((name) => ({ name, bytes: readFileSync(name) }));
  console.log(
    verifyReceipt(readFileSync(receipt, "utf8").trim(), JSON.parse(readFileSync(keys, "utf8")), atHand),
  );
}

// Not import.meta.main: an older Node would do nothing, and call it success.
if (process.argv[1] && realpathSync(process.argv[1]) === import.meta.filename) {
  try {
    main(process.argv.slice(2));
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  }
}
