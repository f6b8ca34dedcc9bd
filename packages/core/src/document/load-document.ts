import { expressionBuilder } from "kysely";
import { Refusal } from "../errors.ts";
import type { DocumentFileRow, DocumentRow, Tables } from "../database/tables.ts";
import type { Transaction } from "../ports/database.ts";
import { type Actor, seesWholeTenant } from "../user/user.ts";

/** A document's row, and who owns the document that it duplicates. */
export type SeenRow = DocumentRow & { duplicate_owner_id: string | null };
/** A document with its files in page order. */
export type Loaded = { document: SeenRow; files: DocumentFileRow[] };

/** The document, or null; one round trip. */
export async function loadDocument(tx: Transaction, documentId: string): Promise<Loaded | null> {
  const [document, files] = await Promise.all([findDocument(tx, documentId), listFiles(tx, documentId)]);
  return document ? { document, files } : null;
}

/**
 * The document if this person may see it. A foreign or unknown id is refused alike: ids reveal nothing. Who sees the whole
 * tenant is told that a document was erased; for its driver it is not there.
 */
export async function loadVisible(tx: Transaction, actor: Actor, documentId: string): Promise<Loaded> {
  const loaded = await loadDocument(tx, documentId);
  const seesAll = seesWholeTenant(actor);
  if (!loaded || (!seesAll && loaded.document.owner_id !== actor.userId)) throw notFound();
  if (loaded.document.state === "erased") throw seesAll ? erased(loaded.document) : notFound();
  return loaded;
}

/** What became of it is in its certificate, which the same erasure answers again. */
function erased({ settled_at: erasedAt }: Pick<DocumentRow, "settled_at">): Refusal {
  return new Refusal(
    "erased",
    "This document was erased for good. An admin gets its certificate by asking for its erasure again.",
    { status: 410, details: { erasedAt: erasedAt?.toISOString() } },
  );
}

/** For whoever repeats its very request, and nobody else: told to make a new id, a phone would send again what had to go. */
export function erasedAlready(): Refusal {
  return new Refusal(
    "erased",
    "This document was erased for good, and is not taken again. Do not send it any more.",
    { status: 410 },
  );
}

/** The one answer for whatever is not there for this person. */
export function notFound(): Refusal {
  return new Refusal(
    "not_found",
    "There is no such document. Check the id, or ask for the list of your documents.",
    {
      status: 404,
    },
  );
}

/** The row of a document, or undefined. */
export function findDocument(tx: Transaction, documentId: string): Promise<SeenRow | undefined> {
  return selectDocuments(tx).where("document.id", "=", documentId).executeTakeFirst();
}

/** Alike for every document: built once. */
const ownerOfOriginal = expressionBuilder<Tables, "document">()
  .selectFrom("document as original")
  .select("original.owner_id")
  .whereRef("original.tenant_id", "=", "document.tenant_id")
  .whereRef("original.id", "=", "document.duplicate_of")
  .as("duplicate_owner_id");

/** Documents of the tenant, to be narrowed down. */
export function selectDocuments(tx: Transaction) {
  return tx
    .selectFrom("document")
    .selectAll("document")
    .select(ownerOfOriginal)
    .where("document.tenant_id", "=", tx.insideTenant);
}

/** The files of a document in page order. */
export function listFiles(tx: Transaction, documentId: string): Promise<DocumentFileRow[]> {
  return tx
    .selectFrom("document_file")
    .selectAll()
    .where("tenant_id", "=", tx.insideTenant)
    .where("document_id", "=", documentId)
    .orderBy("position")
    .execute();
}
