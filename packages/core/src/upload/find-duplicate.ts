import { sql } from "kysely";
import { liveStates } from "../document/document.ts";
import type { Transaction } from "../ports/database.ts";

type Content = { documentId: string; sha256: string };

/** The oldest live document of the tenant with the same files in the same order; null when there is none. */
export async function findDuplicate(tx: Transaction, content: Content): Promise<string | null> {
  return (await duplicatesOf(tx, content).executeTakeFirst())?.id ?? null;
}

/** The same as a query, for a statement that needs the answer. */
export function duplicatesOf(tx: Transaction, content: Content) {
  return tx
    .selectFrom("document as same")
    .select("same.id")
    .where("same.tenant_id", "=", tx.insideTenant)
    .where("same.content_sha256", "=", content.sha256)
    .where("same.state", "in", liveStates)
    .where("same.id", "<>", content.documentId)
    .orderBy("same.received_at")
    .limit(1);
}

/** Lets transactions that receive the same content follow one another, so that of two equal documents one sees the other. */
export async function lockContent(tx: Transaction, content: Content): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`${tx.insideTenant}/${content.sha256}`}, 1))`.execute(
    tx,
  );
}
