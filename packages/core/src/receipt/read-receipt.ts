import type { DocumentState } from "../document/document.ts";
import { loadVisible } from "../document/load-document.ts";
import { Refusal } from "../errors.ts";
import type { Ports } from "../ports/ports.ts";
import type { Actor } from "../user/user.ts";

/** The signed receipt of a stored document, a compact JWS; refused while there is none yet. */
export async function readReceipt(
  ports: Pick<Ports, "database">,
  actor: Actor,
  documentId: string,
): Promise<string> {
  return await ports.database.inOneTrip(actor.tenantId, async (tx) => {
    const [{ document }, receipt] = await Promise.all([
      loadVisible(tx, actor, documentId),
      tx
        .selectFrom("receipt")
        .select("jws")
        .where("tenant_id", "=", tx.insideTenant)
        .where("document_id", "=", documentId)
        .executeTakeFirst(),
    ]);
    if (receipt) return receipt.jws;
    const soon = document.state === "stored";
    const message = soon
      ? "The receipt is being signed. Ask again in a second."
      : withoutReceipt(document.state);
    throw new Refusal("no_receipt_yet", message, { status: 409, ...(soon && { retryAfterSeconds: 1 }) });
  });
}

/** A receipt states that a document is stored; one that was rejected or failed has none. */
function withoutReceipt(state: DocumentState): string {
  if (state === "rejected" || state === "failed")
    return `This document is ${state}: only stored documents have a receipt.`;
  return `This document is ${state}: it gets a receipt once it is stored.`;
}
