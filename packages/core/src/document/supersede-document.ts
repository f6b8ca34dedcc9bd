import { sql } from "kysely";
import { appendAudit } from "../audit/append-audit.ts";
import type { Transaction } from "../ports/database.ts";
import type { Ports } from "../ports/ports.ts";
import { lockDocument } from "./lock-document.ts";

/**
 * Marks a document as replaced by a retake, in the transaction that stores the retake: a retake that is rejected replaces
 * nothing. Of two retakes the first one stays.
 */
export async function supersedeDocument(
  ports: Pick<Ports, "ids">,
  tx: Transaction,
  { replaced, by }: { replaced: string; by: string },
): Promise<void> {
  await lockReplaced(tx, replaced);
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
 * Gives the place of a retake that is erased, in the transaction that erases it, to the one stored first of those that replace
 * the same document; when there is none, that one stands for itself again: the page may be taken anew. Locks go from a
 * retake to what it replaced, here as when it was stored, so that no two wait for each other.
 */
export async function reinstateDocument(
  ports: Pick<Ports, "ids">,
  tx: Transaction,
  { replaced, by, actor }: { replaced: string; by: string; actor: string },
): Promise<void> {
  await lockReplaced(tx, replaced);
  const next = (await storedRetake(tx, replaced).executeTakeFirst())?.id ?? null;
  const reinstated = await tx
    .updateTable("document")
    .set({ superseded_by: next, changed_at: sql`clock_timestamp()` })
    .where("tenant_id", "=", tx.insideTenant)
    .where("id", "=", replaced)
    .where("superseded_by", "=", by)
    .returning("id")
    .executeTakeFirst();
  const note =
    next === null
      ? { actor, action: "document.reinstated", subject: replaced, detail: { by } }
      : { actor, action: "document.superseded", subject: replaced, detail: { by: next } };
  if (reinstated) await appendAudit(ports, tx, note);
}

/** Whoever stores or erases a retake waits for another who does, and then sees what became of that one. */
async function lockReplaced(tx: Transaction, replaced: string): Promise<void> {
  await lockDocument(tx, replaced, "change").select("id").execute();
}

/** Of the retakes of a document that are stored, the one that was stored first. */
export function storedRetake(tx: Transaction, replaced: string) {
  return tx
    .selectFrom("document")
    .select("id")
    .where("tenant_id", "=", tx.insideTenant)
    .where("replaces", "=", replaced)
    .where("state", "=", "stored")
    .orderBy("settled_at")
    .limit(1);
}
