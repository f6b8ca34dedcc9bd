import { text } from "node:stream/consumers";
import type { Ports } from "../ports/ports.ts";
import { ErasureFacts } from "./erase-rows.ts";
import { type CertificateClaims, signCertificate } from "./certificate.ts";
import { certificateKey, keepText, type Owned } from "./tombstone.ts";

type CertifyPorts = Pick<Ports, "database" | "objects" | "keys" | "config">;

/**
 * The certificate of a document's erasure: made once, from what the audit says of it, and kept beside the tombstone, so that
 * a restored database answers the same one. Only for an erased document whose bytes are gone.
 */
export async function certifyErasure(ports: CertifyPorts, owned: Owned): Promise<string> {
  const key = certificateKey(owned);
  if ((await ports.objects.head(key)) === null) {
    const jws = await signCertificate(ports.keys, await readClaims(ports, owned));
    await keepText(ports, key, jws, "application/jose");
  }
  return await text(await ports.objects.read(key));
}

const dayMs = 24 * 60 * 60 * 1000;

async function readClaims(ports: CertifyPorts, owned: Owned): Promise<Omit<CertificateClaims, "iat">> {
  const entry = await ports.database.withTenant(owned.tenantId, (tx) =>
    tx
      .selectFrom("audit")
      .select(["entry_id", "at", "detail"])
      .where("tenant_id", "=", owned.tenantId)
      .where("subject", "=", owned.documentId)
      .where("action", "=", "document.erased")
      .executeTakeFirstOrThrow(),
  );
  const { requestedBy, originals, keyId, receiptSha256, backupDays } = ErasureFacts.parse(entry.detail);
  return {
    iss: ports.config.publicUrl,
    tenant: owned.tenantId,
    document: owned.documentId,
    erasedAt: entry.at.toISOString(),
    erasedBy: requestedBy,
    originals,
    keyId,
    receiptSha256,
    auditEntry: entry.entry_id,
    backupsExpireOn: new Date(entry.at.getTime() + backupDays * dayMs).toISOString().slice(0, 10),
  };
}
