import { sql } from "kysely";
import type { DocumentRow } from "../database/tables.ts";
import type { DocumentState } from "../document/document.ts";
import { lockDocument } from "../document/lock-document.ts";
import type { Transaction } from "../ports/database.ts";

/**
 * A document under lock, as erasure and hold look at it; by the database's clock, `held` tells whether it is under a hold, and
 * `leased` whether a worker has it whose lease lives.
 */
export type Standing = Pick<
  DocumentRow,
  "legal_hold" | "held_until" | "holds" | "erasing_at" | "erasing_by"
> & {
  state: DocumentState;
  held: boolean;
  leased: boolean;
};

/** Locks a document of the tenant until the transaction ends, for whoever changes it; undefined when there is none. */
export async function lockStanding(tx: Transaction, documentId: string): Promise<Standing | undefined> {
  return await lockDocument(tx, documentId, "change")
    .select(["state", "legal_hold", "held_until", "holds", "erasing_at", "erasing_by"])
    .select(sql<boolean>`legal_hold or coalesce(held_until > clock_timestamp(), false)`.as("held"))
    .select(
      sql<boolean>`state = 'processing' and coalesce(lease_until > clock_timestamp(), false)`.as("leased"),
    )
    .executeTakeFirst();
}
