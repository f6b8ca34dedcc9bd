import { expressionBuilder, sql } from "kysely";
import type { DocumentRow, Tables } from "../database/tables.ts";
import type { Transaction } from "../ports/database.ts";

/**
 * Documents of one tenant that wait among the fresh ones of all at a time. The bells of its others are rung in `late`, and
 * each of them once more in `documents` when its turn comes: when a document that had its turn is claimed, it hands the
 * turn on. So tenants with much and with little waiting are served in turns, and one that is alone is served as fast as ever.
 */
export const turnsPerTenant = 2;

/** Whether a document that is received now has to wait for its turn; an expression for the statement that receives it. */
export function mustWait(tx: Transaction) {
  return expressionBuilder<Tables>()
    .exists(
      tx
        .selectFrom("document as waiting")
        .select("waiting.id")
        .where("waiting.tenant_id", "=", tx.insideTenant)
        .where("waiting.state", "=", "received")
        .offset(turnsPerTenant - 1)
        .limit(1),
    )
    .$castTo<boolean>();
}

export type Turn = Pick<DocumentRow, "tenant_id" | "id" | "received_at" | "traceparent" | "waits_turn">;

/** Whether a claimed document has a turn to hand on: once, when it is first taken up. */
export function hasTurn(document: Pick<DocumentRow, "waits_turn" | "claims" | "retries">): boolean {
  return !document.waits_turn && document.claims === 0 && document.retries === 0;
}

/** Whether there is anybody in the tenant to hand a turn on to. */
export async function someWaitForTurn(tx: Transaction): Promise<boolean> {
  const waiting = await tx
    .selectFrom("document")
    .select("id")
    .where("tenant_id", "=", tx.insideTenant)
    .where("state", "=", "received")
    .where("waits_turn", "=", true)
    .limit(1)
    .execute();
  return waiting.length > 0;
}

/** Gives a turn to the tenant's oldest document that waits for one; null when none does. Two at once give it to two. */
export async function handOnTurn(tx: Transaction): Promise<Turn | null> {
  const next = await tx
    .updateTable("document")
    .set({ waits_turn: false, rung_at: sql`clock_timestamp()` })
    .where("tenant_id", "=", tx.insideTenant)
    .where("id", "=", (db) =>
      db
        .selectFrom("document as waiting")
        .select("waiting.id")
        .where("waiting.tenant_id", "=", tx.insideTenant)
        .where("waiting.state", "=", "received")
        .where("waiting.waits_turn", "=", true)
        .orderBy("waiting.received_at")
        .limit(1)
        .forUpdate()
        .skipLocked(),
    )
    .returning(["tenant_id", "id", "received_at", "traceparent", "waits_turn"])
    .executeTakeFirst();
  return next ?? null;
}
