import type { Ports } from "../ports/ports.ts";
import type { Transaction } from "../ports/database.ts";

/** Who did what to which thing; `detail` holds ids and codes, never content. */
export type AuditNote = { actor: string; action: string; subject: string; detail?: Record<string, unknown> };

/** Appends to the audit trail, unchained, in the transaction of the act itself; the chainer numbers and hashes it later. */
export async function appendAudit(
  ports: Pick<Ports, "ids">,
  tx: Transaction,
  note: AuditNote,
): Promise<void> {
  await tx
    .insertInto("audit")
    .values({
      tenant_id: tx.insideTenant,
      entry_id: ports.ids.uuid(),
      actor: note.actor,
      action: note.action,
      subject: note.subject,
      detail: JSON.stringify(note.detail ?? {}),
    })
    .execute();
}
