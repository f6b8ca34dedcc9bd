import { sql } from "kysely";
import { lockDocument } from "../document/lock-document.ts";
import type { Transaction } from "../ports/database.ts";
import type { ObjectFacts } from "../ports/objects.ts";
import { type ReceivePorts, receiveDocument } from "./receive-document.ts";
import { parseStagingKey } from "./staging-key.ts";

/**
 * Takes the hint that an object was created. Idempotency key: the staging key; repeats, strangers and late events change
 * nothing. When it was the last page, the document is received.
 */
export async function ingestUpload(ports: ReceivePorts, key: string): Promise<void> {
  const owner = parseStagingKey(key);
  if (!owner) return ports.log.warn("ingest.unknown_key");
  const there = await ports.objects.head(key);
  if (!there) return;
  const { tenantId, documentId } = owner;
  // The store knows no hash of the whole of what came in parts: that is for the look at the whole document.
  const left =
    there.sha256 === null
      ? 0
      : await ports.database.inOneTrip(tenantId, (tx) => markPage(tx, documentId, there));
  if (left === 0) await receiveDocument(ports, { tenantId, documentId }, "system:ingest");
}

/** Pages that are still missing; null for a document that waits for none. The row lock lets last pages follow one another. */
async function markPage(tx: Transaction, documentId: string, there: ObjectFacts): Promise<number | null> {
  const ofDocument = { tenant_id: tx.insideTenant, document_id: documentId };
  const [document, , counted] = await Promise.all([
    lockDocument(tx, documentId, "change").select("state").executeTakeFirst(),
    tx
      .updateTable("document_file")
      .set({ arrived_at: sql`clock_timestamp()` })
      .where((eb) =>
        eb.and({ ...ofDocument, staging_key: there.key, size_bytes: there.sizeBytes, sha256: there.sha256! }),
      )
      .where("arrived_at", "is", null)
      .execute(),
    tx
      .selectFrom("document_file")
      .select(({ fn }) => fn.countAll<number>().as("left"))
      .where((eb) => eb.and(ofDocument))
      .where("arrived_at", "is", null)
      .executeTakeFirstOrThrow(),
  ]);
  return document?.state === "granted" ? counted.left : null;
}
