import { sql } from "kysely";
import type { DocumentView, HoldRequest } from "../api-shapes.ts";
import { appendAudit } from "../audit/append-audit.ts";
import { checkMatch } from "../document/check-match.ts";
import { type Loaded, loadVisible } from "../document/load-document.ts";
import { viewDocument } from "../document/view-document.ts";
import { Refusal } from "../errors.ts";
import { appendEvent } from "../event/append-event.ts";
import type { Transaction } from "../ports/database.ts";
import type { Ports } from "../ports/ports.ts";
import { type Actor, actorName } from "../user/user.ts";
import { lockDocument } from "./lock-document.ts";
import { hasTombstone } from "./tombstone.ts";

type HoldPorts = Pick<Ports, "database" | "objects" | "ids">;
/** `ifMatch`: the ETag that the holder saw; null takes whatever is there. */
type Holding = { documentId: string; ifMatch: string | null; hold: HoldRequest };

/**
 * Sets or lifts a hold: while it lasts, nobody can erase the document. A repeated request changes nothing. Refused for a
 * document whose erasure has begun.
 */
export async function holdDocument(
  ports: HoldPorts,
  actor: Actor,
  { documentId, ifMatch, hold }: Holding,
): Promise<DocumentView> {
  return await ports.database.withTenant(actor.tenantId, async (tx) => {
    await lockDocument(tx, documentId);
    const loaded = await loadVisible(tx, actor, documentId);
    const wanted = columnsOf(hold);
    if (!isSame(loaded, wanted)) {
      checkMatch(loaded, ifMatch);
      await refuseErasing(ports, actor, documentId);
      await write(ports, tx, actor, loaded, hold);
    }
    return await viewDocument(tx, actor, documentId);
  });
}

type Columns = { legal_hold: boolean; held_until: Date | null };

/** A hold with an end ends by itself; one without lasts until it is lifted. */
function columnsOf({ held, until }: HoldRequest): Columns {
  const heldUntil = held && until ? new Date(until) : null;
  return { legal_hold: held && heldUntil === null, held_until: heldUntil };
}

const isSame = ({ document }: Loaded, wanted: Columns): boolean =>
  document.legal_hold === wanted.legal_hold &&
  document.held_until?.getTime() === wanted.held_until?.getTime();

/** A tombstone outlives the row: a hold that came after it would not hold. */
async function refuseErasing(ports: HoldPorts, { tenantId }: Actor, documentId: string): Promise<void> {
  if (!(await hasTombstone(ports, { tenantId, documentId }))) return;
  throw new Refusal(
    "being_erased",
    "The erasure of this document has begun and cannot be taken back. A hold comes too late.",
    { status: 409 },
  );
}

async function write(
  ports: HoldPorts,
  tx: Transaction,
  actor: Actor,
  { document }: Loaded,
  hold: HoldRequest,
): Promise<void> {
  const { reason, reference = null, until = null } = hold;
  const action = hold.held ? "document.held" : "document.released";
  const version = document.version + 1;
  await Promise.all([
    tx
      .updateTable("document")
      .set({ ...columnsOf(hold), version, changed_at: sql`clock_timestamp()` })
      .where("tenant_id", "=", tx.insideTenant)
      .where("id", "=", document.id)
      .execute(),
    appendEvent(ports, tx, {
      documentId: document.id,
      version,
      type: action,
      traceparent: document.traceparent,
      data: { ownerId: document.owner_id, until, reason },
    }),
    appendAudit(ports, tx, {
      actor: actorName(actor),
      action,
      subject: document.id,
      detail: { reason, reference, until, version },
    }),
  ]);
}
