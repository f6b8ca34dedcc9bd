import { sql } from "kysely";
import type { DocumentView } from "../api-shapes.ts";
import { loadVisible } from "../document/load-document.ts";
import { moveDocument } from "../document/move-document.ts";
import { viewDocument } from "../document/view-document.ts";
import { Refusal } from "../errors.ts";
import type { Transaction } from "../ports/database.ts";
import type { Ports } from "../ports/ports.ts";
import { type Actor, actorName } from "../user/user.ts";
import { ringDoorbell } from "./ring-doorbell.ts";

type RedrivePorts = Pick<Ports, "database" | "queue" | "ids" | "clock" | "config" | "log">;

/** Sends a `failed` document its way again, with all its tries and every verdict of its decoders forgotten. Refused in any other state. */
export async function redriveDocument(
  ports: RedrivePorts,
  actor: Actor,
  documentId: string,
): Promise<DocumentView> {
  const moved = await ports.database.withTenant(actor.tenantId, async (tx) => {
    const { document } = await loadVisible(tx, actor, documentId);
    const received = await moveDocument(ports, tx, {
      documentId,
      from: ["failed"],
      to: "received",
      set: {
        retries: 0,
        claims: 0,
        decode_crashes: 0,
        retry_at: null,
        settled_at: null,
        reason: null,
        detail: null,
        rung_at: sql`clock_timestamp()`,
      },
      event: { type: "document.redriven", data: { ownerId: document.owner_id } },
      audit: { actor: actorName(actor), action: "document.redriven" },
    });
    if (!received)
      throw new Refusal("not_failed", `This document is ${document.state}: only failed ones are redriven.`, {
        status: 409,
      });
    await forgetVerdicts(tx, documentId);
    return received;
  });
  await ringDoorbell(ports, moved);
  return await ports.database.inOneTrip(actor.tenantId, (tx) => viewDocument(tx, actor, documentId));
}

async function forgetVerdicts(tx: Transaction, documentId: string): Promise<void> {
  await tx
    .updateTable("document_file")
    .set({ detected_type: null, page_count: null, no_preview_reason: null })
    .where("tenant_id", "=", tx.insideTenant)
    .where("document_id", "=", documentId)
    .execute();
}
