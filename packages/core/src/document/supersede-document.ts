import { sql } from "kysely";
import { appendAudit } from "../audit/append-audit.ts";
import type { Transaction } from "../ports/database.ts";
import type { Ports } from "../ports/ports.ts";

/**
 * Marks a document as replaced by a retake, in the transaction that stores the retake: a retake that is rejected replaces
 * nothing. Of two retakes the first one stays.
 */
export async function supersedeDocument(
  ports: Pick<Ports, "ids">,
  tx: Transaction,
  { replaced, by }: { replaced: string; by: string },
): Promise<void> {
  const superseded = await tx
    .updateTable("document")
    .set({ superseded_by: by, changed_at: sql`clock_timestamp()` })
    .where("tenant_id", "=", tx.insideTenant)
    .where("id", "=", replaced)
    .where("superseded_by", "is", null)
    .returning("id")
    .executeTakeFirst();
  const note = {
    actor: "system:processor",
    action: "document.superseded",
    subject: replaced,
    detail: { by },
  };
  if (superseded) await appendAudit(ports, tx, note);
}

/**
 * Lets a document stand for itself again, in the transaction that erases the retake in its place: the page may be taken anew.
 * Locks go from a retake to what it replaced, here as when it was stored, so that no two wait for each other.
 */
export async function reinstateDocument(
  ports: Pick<Ports, "ids">,
  tx: Transaction,
  { replaced, by, actor }: { replaced: string; by: string; actor: string },
): Promise<void> {
  const reinstated = await tx
    .updateTable("document")
    .set({ superseded_by: null, changed_at: sql`clock_timestamp()` })
    .where("tenant_id", "=", tx.insideTenant)
    .where("id", "=", replaced)
    .where("superseded_by", "=", by)
    .returning("id")
    .executeTakeFirst();
  const note = { actor, action: "document.reinstated", subject: replaced, detail: { by } };
  if (reinstated) await appendAudit(ports, tx, note);
}
