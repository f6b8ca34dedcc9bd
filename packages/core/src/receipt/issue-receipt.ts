import { lastCheckpoint } from "../audit/checkpoint-audit.ts";
import { loadDocument } from "../document/load-document.ts";
import { lockDocument } from "../document/lock-document.ts";
import type { TenantId } from "../ids.ts";
import type { Transaction } from "../ports/database.ts";
import type { Ports } from "../ports/ports.ts";
import { type ReceiptFacts, signReceipt } from "./receipt.ts";

type IssuePorts = Pick<Ports, "database" | "keys" | "config">;

/** Signs the receipt of a stored document, once; a second call finds it and does nothing. */
export async function issueReceipt(ports: IssuePorts, tenantId: TenantId, documentId: string): Promise<void> {
  const facts = await readFacts(ports, tenantId, documentId);
  if (!facts) return;
  const jws = await signReceipt(ports.keys, facts);
  await ports.database.withTenant(tenantId, async (tx) => {
    if (!(await lockSealed(tx, documentId))) return;
    await tx
      .insertInto("receipt")
      .values({ tenant_id: tenantId, document_id: documentId, jws })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  });
}

/** A receipt of a document that was erased while it was being signed would bring back what the erasure took. */
async function lockSealed(tx: Transaction, documentId: string): Promise<boolean> {
  const found = await lockDocument(tx, documentId, "keep").select("state").executeTakeFirst();
  return found !== undefined && found.state !== "erased";
}

async function readFacts(
  ports: IssuePorts,
  tenantId: TenantId,
  documentId: string,
): Promise<ReceiptFacts | null> {
  const checkpoint = await lastCheckpoint(ports);
  return await ports.database.inOneTrip(tenantId, async (tx) => {
    const ofDocument = { tenant_id: tenantId, document_id: documentId };
    const [loaded, key, receipt] = await Promise.all([
      loadDocument(tx, documentId),
      tx
        .selectFrom("document_key")
        .select("root_key_id")
        .where((eb) => eb.and(ofDocument))
        .executeTakeFirst(),
      tx
        .selectFrom("receipt")
        .select("created_at")
        .where((eb) => eb.and(ofDocument))
        .executeTakeFirst(),
    ]);
    if (!loaded || !key || receipt) return null;
    const { document, files } = loaded;
    return {
      iss: ports.config.publicUrl,
      tenant: tenantId,
      document: documentId,
      confirmationCode: document.confirmation_code!,
      kind: document.kind,
      loadNumber: document.load_number,
      originals: files.map(({ position, sha256, size_bytes }) => ({
        position,
        sha256,
        sizeBytes: size_bytes,
      })),
      receivedAt: document.received_at!.toISOString(),
      storedAt: document.settled_at!.toISOString(),
      keyId: key.root_key_id,
      checkpoint,
    };
  });
}
