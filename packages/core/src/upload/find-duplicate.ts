import { sql } from "kysely";
import { liveStates } from "../document/document.ts";
import type { Transaction } from "../ports/database.ts";

type Content = { documentId: string; sha256: string };

/** The oldest live document of the tenant with the same files in the same order; null when there is none. */
export async function findDuplicate(tx: Transaction, content: Content): Promise<string | null> {
  const found = await tx
    .selectFrom("document")
    .select("id")
    .where("tenant_id", "=", tx.insideTenant)
    .where("content_sha256", "=", content.sha256)
    .where("state", "in", liveStates)
    .where("id", "<>", content.documentId)
    .orderBy("received_at")
    .limit(1)
    .executeTakeFirst();
  return found?.id ?? null;
}

/** Lets transactions that receive the same content follow one another, so that of two equal documents one sees the other. */
export async function lockContent(tx: Transaction, content: Content): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`${tx.insideTenant}/${content.sha256}`}, 1))`.execute(
    tx,
  );
}
