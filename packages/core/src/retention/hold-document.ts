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
import { holdsOf, isRepeated, sumUp, withHold } from "./holds.ts";
import { lockStanding, type Standing } from "./standing.ts";
import { hasTombstone } from "./tombstone.ts";

type HoldPorts = Pick<Ports, "database" | "objects" | "ids" | "clock">;
/** `ifMatch`: the ETag that the holder saw; null takes whatever is there. */
type Holding = { documentId: string; ifMatch: string | null; hold: HoldRequest };

/**
 * Sets or lifts the hold of one reference: while any lasts, nobody can erase the document. A repeated request changes nothing.
 * Refused for a document whose erasure has begun, and when the hold would be over already.
 */
export async function holdDocument(
  ports: HoldPorts,
  actor: Actor,
  { documentId, ifMatch, hold }: Holding,
): Promise<DocumentView> {
  return await ports.database.withTenant(actor.tenantId, async (tx) => {
    const standing = await lockStanding(tx, documentId);
    const loaded = await loadVisible(tx, actor, documentId);
    if (!isRepeated(loaded.document, hold)) {
      checkMatch(loaded, ifMatch);
      refuseOver(ports, hold);
      await refuseErasing(ports, actor, documentId, standing);
      await write(ports, tx, actor, loaded, hold);
    }
    return await viewDocument(tx, actor, documentId);
  });
}

function refuseOver({ clock }: HoldPorts, { until }: HoldRequest): void {
  if (!until || new Date(until) > clock.now()) return;
  throw new Refusal(
    "hold_over",
    `This hold would have ended already, on ${until}: nothing would be held. Give an end that is still to come, or none.`,
  );
}

/** A begun erasure is finished whatever comes, and a tombstone outlives the row: a hold that came after them would not hold. */
async function refuseErasing(
  ports: HoldPorts,
  { tenantId }: Actor,
  documentId: string,
  standing: Standing | undefined,
): Promise<void> {
  const since = standing?.erasing_at ?? null;
  if (since === null && !(await hasTombstone(ports, { tenantId, documentId }))) return;
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
  const holds = withHold(holdsOf(document), hold);
  await Promise.all([
    tx
      .updateTable("document")
      .set({ ...sumUp(holds), holds: JSON.stringify(holds), version, changed_at: sql`clock_timestamp()` })
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
