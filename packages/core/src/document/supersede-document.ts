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
