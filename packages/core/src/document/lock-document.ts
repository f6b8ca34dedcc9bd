import { isAnyOf } from "../database/is-any-of.ts";
import type { Transaction } from "../ports/database.ts";

/**
 * A document's row under lock until the transaction ends; the caller selects from it. To `change` it: nobody else changes it,
 * or keeps it as it is, meanwhile. To `keep` it as it is: nobody changes it, and others may keep it, too.
 *
 * Neither keeps anybody waiting who refers to the row by a foreign key, as `for update` would. Of two retakes of one document that
 * are erased at once, one gives its place to the other and so refers to it, while that one waits for their document: with the
 * stronger lock each would wait for the other. Nothing needs it, since no row of a document is deleted or changes its key.
 */
export function lockDocument(tx: Transaction, documentId: string, to: "change" | "keep") {
  const row = tx
    .selectFrom("document")
    .where("document.tenant_id", "=", tx.insideTenant)
    .where("document.id", "=", documentId);
  return to === "change" ? row.forNoKeyUpdate() : row.forShare();
}

/**
 * Locks, as to change them, those of these documents that nobody holds at the moment, and answers their ids. What is held is
 * passed over: whoever changes many rows in one go meets them in no order that others keep, and who waits for none has no
 * part in a deadlock.
 */
export async function lockFree(
  tx: Transaction,
  documentIds: readonly string[],
): Promise<ReadonlySet<string>> {
  const free = await tx
    .selectFrom("document")
    .select("id")
    .where("tenant_id", "=", tx.insideTenant)
    .where(isAnyOf("id", documentIds))
    .forNoKeyUpdate()
    .skipLocked()
    .execute();
  return new Set(free.map(({ id }) => id));
}
