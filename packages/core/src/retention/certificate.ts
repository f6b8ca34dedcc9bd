import * as z from "zod";
import {
  type JwkSet,
  type JwsFault,
  signCompact,
  type Signer,
  verifyCompact,
} from "../receipt/compact-jws.ts";

/** JWS type of a certificate of erasure. */
const certificateType = "strongroom-erasure+jwt";

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** What a certificate of erasure states. Claims that a later version adds are ignored. */
export const CertificateClaims = z.object({
  /** Address of the deployment that signed. */
  iss: z.string().min(1),
  /** `erasedAt` in whole seconds since 1970 (RFC 7519). */
  iat: z.int().nonnegative(),
  tenant: z.uuid(),
  document: z.uuid(),
  /** When key, texts and names were destroyed; staging and vault were empty of it when this was signed. */
  erasedAt: z.iso.datetime(),
  /** Who asked for it, as in the audit trail: `user:<id>`. */
  erasedBy: z.string().min(1),
  /** The files that were erased, in page order; whoever holds a copy can tell that it was this one. */
  originals: z.array(z.object({ position: z.int().positive(), sha256, sizeBytes: z.int().nonnegative() })),
  /** Root key under which the destroyed data key was wrapped; null when the document was never sealed. */
  keyId: z.string().min(1).nullable(),
  /** SHA-256 of its receipt; null when it had none. */
  receiptSha256: sha256.nullable(),
  /** Entry of the audit trail that says the same. */
  auditEntry: z.uuid(),
  /** The day (UTC) on which the last backup that may hold the document has expired. */
  backupsExpireOn: z.iso.date(),
});
export type CertificateClaims = z.infer<typeof CertificateClaims>;

/** Signs a certificate: compact JWS, ES256, type `strongroom-erasure+jwt`. Throws when a fact is malformed. */
export async function signCertificate(keys: Signer, facts: Omit<CertificateClaims, "iat">): Promise<string> {
  const claims = CertificateClaims.parse({ ...facts, iat: Math.floor(Date.parse(facts.erasedAt) / 1000) });
  return signCompact(keys, certificateType, new TextEncoder().encode(JSON.stringify(claims)));
}

/** What `verifyCertificate` finds. */
export type CertificateCheck =
  | { outcome: "valid"; claims: CertificateClaims }
  | { outcome: "invalid"; reason: JwsFault | "not_a_certificate" };

/** Verifies a certificate offline against the published keys. */
export async function verifyCertificate(jws: string, jwks: JwkSet): Promise<CertificateCheck> {
  const check = await verifyCompact(jws, jwks, certificateType);
  if (check.outcome === "invalid") return check;
  try {
    const claims = CertificateClaims.parse(JSON.parse(new TextDecoder().decode(check.payload)));
    return { outcome: "valid", claims };
  } catch {
    return { outcome: "invalid", reason: "not_a_certificate" };
  }
}
