import type { CertificateClaims } from "@strongroom/core/retention/certificate";
import { formatBytes, formatMoment } from "./words.ts";

/** A genuine certificate of erasure, in lines for people. */
export function describeCertificate(claims: CertificateClaims): string[] {
  return [
    "VERIFIED: the certificate of erasure is genuine.",
    `  document ${claims.document}`,
    `  erased ${formatMoment(claims.erasedAt)}, asked for by ${claims.erasedBy}, signed by ${claims.iss}`,
    ...describeErased(claims),
    claims.receiptSha256 === null ? "  it had no receipt" : `  its receipt: SHA-256 ${claims.receiptSha256}`,
    claims.keyId === null
      ? "  it was never sealed, so there was no key to destroy"
      : `  its key is destroyed; it was wrapped under root key ${claims.keyId}`,
    `  the audit trail says the same in entry ${claims.auditEntry}`,
  ];
}

/** Which files are gone, and when the last backup of them is. */
export function describeErased({ originals, backupsExpireOn }: CertificateClaims): string[] {
  return [
    ...originals.map(
      ({ position, sha256, sizeBytes }) => `  file ${position}: ${formatBytes(sizeBytes)}, SHA-256 ${sha256}`,
    ),
    `  the last backup that may hold it expires on ${backupsExpireOn} (UTC); after that day no backup has it`,
  ];
}
