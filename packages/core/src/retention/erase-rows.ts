import { sql } from "kysely";
import * as z from "zod";
import type { DocumentFileRow, DocumentRow } from "../database/tables.ts";
import { sha256Hex } from "../digest.ts";
import { canMove, documentStates } from "../document/document.ts";
import { listFiles } from "../document/load-document.ts";
import { moveDocument } from "../document/move-document.ts";
import { reinstateDocument } from "../document/supersede-document.ts";
import type { Transaction } from "../ports/database.ts";
import type { Ports } from "../ports/ports.ts";

/** What the audit keeps of an erasure: hashes, ids, and who asked for it. The certificate is made from it. */
export const ErasureFacts = z.object({
  requestedBy: z.string(),
  originals: z.array(
    z.object({ position: z.int().positive(), sha256: z.string(), sizeBytes: z.int().nonnegative() }),
  ),
  /** Root key that the destroyed data key was wrapped under; null when the document was never sealed. */
  keyId: z.string().nullable(),
  /** SHA-256 of the receipt, as text; whoever holds a copy can show which document it was of. Null when there was none. */
  receiptSha256: z.string().nullable(),
  backupDays: z.int().nonnegative(),
});
export type ErasureFacts = z.infer<typeof ErasureFacts>;

type Erasing = { documentId: string; actor: string; requestedBy: string };
type ErasePorts = Pick<Ports, "ids" | "config">;

/** States that a document may be erased from; a worker that holds one is not robbed of it. */
const erasable = documentStates.filter((state) => canMove(state, "erased"));

/**
 * Erases a document from the tables: the wrapped key, its texts, names, receipt and all words of people. What stays says
 * that it was there: ids, times, sizes and hashes. What it replaced is replaced by nothing any more. The caller holds the
 * lock on its row. Throws when it is not to be erased.
 */
export async function eraseRows(ports: ErasePorts, tx: Transaction, erasing: Erasing): Promise<void> {
  const facts = await readFacts(ports, tx, erasing);
  const [moved] = await Promise.all([
    moveToErased(ports, tx, erasing, facts),
    clearFiles(tx, erasing.documentId),
    ...(["document_key", "page_text", "artefact", "receipt"] as const).map((table) =>
      tx
        .deleteFrom(table)
        .where("tenant_id", "=", tx.insideTenant)
        .where("document_id", "=", erasing.documentId)
        .execute(),
    ),
  ]);
  if (moved === null) throw new Error("a document under lock has changed its state");
  const { documentId: by, actor } = erasing;
  if (moved.replaces !== null) await reinstateDocument(ports, tx, { replaced: moved.replaces, by, actor });
}

async function moveToErased(
  ports: ErasePorts,
  tx: Transaction,
  { documentId, actor }: Erasing,
  facts: ErasureFacts,
): Promise<DocumentRow | null> {
  return await moveDocument(ports, tx, {
    documentId,
    from: erasable,
    to: "erased",
    set: {
      load_number: null,
      note: null,
      reason: null,
      detail: null,
      legibility: null,
      legal_hold: false,
      held_until: null,
      holds: "{}",
      erasing_at: null,
      erasing_by: null,
      settled_at: sql`clock_timestamp()`,
      staging_cleared_at: null,
    },
    event: { type: "document.erased", data: { requestedBy: facts.requestedBy } },
    audit: { actor, action: "document.erased", detail: facts },
  });
}

/** A file keeps its hash and size, so that certificate and receipt can be compared; its name and type were somebody's words. */
async function clearFiles(tx: Transaction, documentId: string): Promise<void> {
  await tx
    .updateTable("document_file")
    .set({
      name: "",
      media_type: "application/octet-stream",
      part_sha256: null,
      upload_id: null,
      no_preview_reason: null,
    })
    .where("tenant_id", "=", tx.insideTenant)
    .where("document_id", "=", documentId)
    .execute();
}

async function readFacts(
  ports: Pick<Ports, "config">,
  tx: Transaction,
  { documentId, requestedBy }: Erasing,
): Promise<ErasureFacts> {
  const ofDocument = { tenant_id: tx.insideTenant, document_id: documentId };
  const [files, key, receipt] = await Promise.all([
    listFiles(tx, documentId),
    tx
      .selectFrom("document_key")
      .select("root_key_id")
      .where((eb) => eb.and(ofDocument))
      .executeTakeFirst(),
    tx
      .selectFrom("receipt")
      .select("jws")
      .where((eb) => eb.and(ofDocument))
      .executeTakeFirst(),
  ]);
  return {
    requestedBy,
    originals: files.map(originalOf),
    keyId: key?.root_key_id ?? null,
    receiptSha256: receipt ? sha256Hex(receipt.jws) : null,
    backupDays: ports.config.backupDays,
  };
}

const originalOf = ({ position, sha256, size_bytes: sizeBytes }: DocumentFileRow) => ({
  position,
  sha256,
  sizeBytes,
});
