import { expressionBuilder, sql } from "kysely";
import type { Config } from "../config.ts";
import { ago } from "../database/ago.ts";
import type { DocumentRow, Tables } from "../database/tables.ts";
import type { Transaction } from "../ports/database.ts";

/**
 * Documents of one tenant that are among the fresh ones of all at a time, waiting or worked on. The bells of its others are
 * rung in `late`, and each of them once more in `documents` when its turn comes: a document that had its turn hands it on
 * when it is done. So tenants with much and with little waiting are served in turns, and one that is alone as fast as ever.
 */
export const turnsPerTenant = 1;

type Periods = Pick<Config["periods"], "silence" | "overAge">;

const ms = (period: number) => sql<Date>`${period}::float8 * interval '1 millisecond'`;
/** Over-age documents are in `late` with or without a turn: they neither take one nor wait for one. */
const isFresh = ({ overAge }: Periods) => sql<boolean>`received_at > ${ago(overAge)}`;

const eb = expressionBuilder<Tables>();

/** Whether a document that is received now has to wait for its turn; an expression for the statement that receives it. */
export function mustWait(tx: Transaction, periods: Periods) {
  return eb
    .exists(
      tx
        .selectFrom("document as waiting")
        .select("waiting.id")
        .where("waiting.tenant_id", "=", tx.insideTenant)
        .where("waiting.state", "=", "received")
        .where("waiting.retries", "=", 0) // what is tried again has handed its turn on
        .where(isFresh(periods))
        .offset(turnsPerTenant - 1)
        .limit(1),
    )
    .$castTo<boolean>();
}

export type Turn = Pick<DocumentRow, "tenant_id" | "id" | "received_at" | "traceparent" | "waits_turn">;

/** Whether a claimed document has a turn to hand on when it is done: the first time, however many workers died over it. */
export function hasTurn(document: Pick<DocumentRow, "waits_turn" | "retries">): boolean {
  return !document.waits_turn && document.retries === 0;
}

/** Documents of the tenant that wait for their turn. */
function waitingForTurn(tx: Transaction) {
  return tx
    .selectFrom("document as waiting")
    .select("waiting.id")
    .where("waiting.tenant_id", "=", tx.insideTenant)
    .where("waiting.state", "=", "received")
    .where("waiting.waits_turn", "=", true);
}

/** Whether there is anybody in the tenant to hand a turn on to. */
export async function someWaitForTurn(tx: Transaction): Promise<boolean> {
  return (await waitingForTurn(tx).limit(1).execute()).length > 0;
}

/**
 * Gives a turn to the tenant's oldest fresh document that waits for one; null when none does, or when as many as may have a
 * turn: whoever hands one on looks whether another one is there already, or turns would multiply. Two at once may give it
 * to two, and of these the first to end hands nothing on.
 */
export async function handOnTurn(tx: Transaction, periods: Periods): Promise<Turn | null> {
  const next = await tx
    .updateTable("document")
    .set({ waits_turn: false, rung_at: sql`clock_timestamp()` })
    .where("tenant_id", "=", tx.insideTenant)
    .where("id", "=", () =>
      waitingForTurn(tx)
        .where(isFresh(periods))
        .orderBy("waiting.received_at")
        .limit(1)
        .forNoKeyUpdate() // what a foreign key refers to at the moment is not passed over
        .skipLocked(),
    )
    .where((is) => is.not(is.exists(holders(tx, periods))))
    .returning(["tenant_id", "id", "received_at", "traceparent", "waits_turn"])
    .executeTakeFirst();
  return next ?? null;
}

/**
 * Whether somebody waits though nobody has a turn: whoever waits was passed over, since his row was held at that moment, as it is
 * while the event of his own upload is handled. To wait for the row would be to decide by what was seen before the wait.
 */
export async function isPassedOver(tx: Transaction, periods: Periods): Promise<boolean> {
  const waiting = await waitingForTurn(tx)
    .where(isFresh(periods))
    .where((is) => is.not(is.exists(holders(tx, periods))))
    .limit(1)
    .execute();
  return waiting.length > 0;
}

/**
 * Documents that have a turn and use it. One whose bell got lost, or whose worker died, has it no more; words as in the
 * index `document_turn_held`, or all that waits would be looked through.
 */
function holders(tx: Transaction, periods: Periods) {
  const heardUntil = sql<Date>`least(rung_at + ${ms(periods.silence)}, received_at + ${ms(periods.overAge)})`;
  return tx
    .selectFrom("document")
    .select("id")
    .where("tenant_id", "=", tx.insideTenant)
    .where(sql<boolean>`state in ('received', 'processing') and not waits_turn and retries = 0`)
    .where(
      sql<boolean>`case state when 'received' then ${heardUntil} else lease_until end > clock_timestamp()`,
    )
    .offset(turnsPerTenant - 1)
    .limit(1);
}
