import { sql } from "kysely";
import { notFound } from "../document/load-document.ts";
import { moveDocument } from "../document/move-document.ts";
import { Refusal } from "../errors.ts";
import type { Transaction } from "../ports/database.ts";
import type { Ports } from "../ports/ports.ts";
import { callOffErasure, underHold } from "./begin-erasure.ts";
import { eraseRows } from "./erase-rows.ts";
import { lockStanding } from "./standing.ts";
import { type Owned, writeTombstone } from "./tombstone.ts";

type ErasePorts = Pick<Ports, "database" | "objects" | "ids" | "clock" | "config">;

/**
 * Writes the tombstone of a document whose erasure has begun, then erases its rows; `actor` does it for whoever asked. False
 * when it was erased already. Called off, and refused, when the document is under a hold all the same: a release that knew
 * nothing of begun erasures has confirmed one.
 */
export async function eraseBegun(ports: ErasePorts, owned: Owned, actor: string): Promise<boolean> {
  const erased = await ports.database.withTenant(owned.tenantId, (tx) =>
    eraseLocked(ports, tx, owned, actor),
  );
  if (erased instanceof Refusal) throw erased;
  return erased;
}

/** The tombstone comes under the lock, too: whoever finds one that is half written waits, and such a hold is seen. */
async function eraseLocked(
  ports: ErasePorts,
  tx: Transaction,
  owned: Owned,
  actor: string,
): Promise<boolean | Refusal> {
  const { documentId } = owned;
  const standing = await lockStanding(tx, documentId);
  if (!standing) throw notFound();
  if (standing.state === "erased") return false;
  if (standing.held) {
    await callOffErasure(tx, owned);
    return underHold(ports, standing);
  }
  const { erasing_at: at, erasing_by: by } = standing;
  if (at === null || by === null) throw new Error("the erasure was called off meanwhile");
  const tombstone = await writeTombstone(ports, owned, { at, by });
  if (standing.state === "processing") await takeFromWorker(ports, tx, { documentId, actor });
  await eraseRows(ports, tx, { documentId, actor, requestedBy: tombstone.by });
  return true;
}

/** A worker that still has it finds itself a zombie: what it commits is for a document in `processing`. */
export async function takeFromWorker(
  ports: Pick<Ports, "ids">,
  tx: Transaction,
  { documentId, actor }: { documentId: string; actor: string },
): Promise<void> {
  await moveDocument(ports, tx, {
    documentId,
    from: ["processing"],
    to: "failed",
    set: { lease_until: null, retry_at: null, reason: "erased", settled_at: sql`clock_timestamp()` },
    audit: { actor, action: "document.withdrawn" },
  });
}
