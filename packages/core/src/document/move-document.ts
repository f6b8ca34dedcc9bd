import { type RawBuilder, sql, type UpdateObject } from "kysely";
import type { DocumentRow, Tables } from "../database/tables.ts";
import { type EventType, eventTopics } from "../event/event.ts";
import type { Transaction } from "../ports/database.ts";
import type { Ports } from "../ports/ports.ts";
import type { DocumentState } from "./document.ts";

/** One step of a document along the state graph, with the fact it makes and the line it leaves in the audit trail. */
export type Move = {
  documentId: string;
  from: readonly DocumentState[];
  to: DocumentState;
  /** When given, the move is only for whoever still holds this lease. */
  token?: number;
  /** When given, the move is only for whoever saw this version: since then, nothing about the document has changed. */
  version?: number;
  set?: UpdateObject<Tables, "document">;
  event?: { type: EventType; data: Record<string, unknown>; moved?: FactsOfRow };
  audit: { actor: string; action: string; detail?: Record<string, unknown>; moved?: FactsOfRow };
};

/** What the moved row alone can tell, an object of JSON over its columns; goes beside what is known before. */
type FactsOfRow = RawBuilder<unknown>;
const none: FactsOfRow = sql`'{}'::jsonb`;

/**
 * The one statement that moves a document: a compare-and-set on state and lease token together with its outbox and audit
 * rows. Null when the document is elsewhere or another by now, or the lease is another's: drop the work, touch nothing.
 * A move with an event raises the version by one.
 */
export async function moveDocument(
  ports: Pick<Ports, "ids">,
  tx: Transaction,
  move: Move,
): Promise<DocumentRow | null> {
  const { event, audit } = move;
  const moved = tx.with("moved", (db) =>
    db
      .updateTable("document")
      .set({ ...move.set, state: move.to, changed_at: sql`clock_timestamp()` })
      .$if(event !== undefined, (query) => query.set({ version: sql`version + 1` }))
      .where("tenant_id", "=", tx.insideTenant)
      .where("id", "=", move.documentId)
      .where("state", "in", move.from)
      .$if(move.token !== undefined, (query) => query.where("lease_token", "=", move.token!))
      .$if(move.version !== undefined, (query) => query.where("version", "=", move.version!))
      .returningAll(),
  );
  const noted = moved.with("noted", (db) =>
    db
      .insertInto("audit")
      .columns(["tenant_id", "entry_id", "actor", "action", "subject", "detail"])
      .expression(
        db
          .selectFrom("moved")
          .select([
            "tenant_id",
            sql<string>`${ports.ids.uuid()}::uuid`.as("entry_id"),
            sql<string>`${audit.actor}::text`.as("actor"),
            sql<string>`${audit.action}::text`.as("action"),
            sql<string>`id::text`.as("subject"),
            sql<string>`${JSON.stringify({ ...audit.detail, state: move.to })}::jsonb || jsonb_build_object('version', version) || ${audit.moved ?? none}`.as(
              "detail",
            ),
          ]),
      ),
  );
  if (!event) return (await noted.selectFrom("moved").selectAll().executeTakeFirst()) ?? null;
  const told = noted.with("told", (db) =>
    db
      .insertInto("outbox")
      .columns(["tenant_id", "event_id", "topic", "type", "document_id", "version", "data", "traceparent"])
      .expression(
        db
          .selectFrom("moved")
          .select([
            "tenant_id",
            sql<string>`${ports.ids.uuid()}::uuid`.as("event_id"),
            sql<string>`${eventTopics[event.type]}::text`.as("topic"),
            sql<string>`${event.type}::text`.as("type"),
            "id",
            "version",
            sql<string>`${JSON.stringify(event.data)}::jsonb || ${event.moved ?? none}`.as("data"),
            "traceparent",
          ]),
      ),
  );
  return (await told.selectFrom("moved").selectAll().executeTakeFirst()) ?? null;
}
