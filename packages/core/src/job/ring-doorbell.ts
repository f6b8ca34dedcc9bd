import * as z from "zod";
import type { DocumentRow } from "../database/tables.ts";
import { DocumentId, TenantId } from "../ids.ts";
import type { Ports } from "../ports/ports.ts";

/** A doorbell: which document to look at. What is to be done stands in the database alone. */
export const Doorbell = z.object({ tenantId: TenantId, documentId: DocumentId });
export type Doorbell = z.infer<typeof Doorbell>;

type Ring = Pick<DocumentRow, "tenant_id" | "id" | "received_at" | "traceparent" | "waits_turn">;

/**
 * Rings for a document after its commit, best effort: a lost bell is rung again by the reconciler. Fresh work
 * whose turn it is goes to `documents`; over-age work, and what waits for its tenant's turn, to `late`, which workers ask
 * only while nothing waits in `documents`.
 */
export async function ringDoorbell(
  ports: Pick<Ports, "queue" | "clock" | "config" | "log">,
  ring: Ring,
  delayMs = 0,
): Promise<void> {
  const body = JSON.stringify({ tenantId: ring.tenant_id, documentId: ring.id });
  const ageMs = ring.received_at ? ports.clock.now().getTime() - ring.received_at.getTime() : 0;
  const attributes = ring.traceparent ? { traceparent: ring.traceparent } : {};
  const queue = ring.waits_turn || ageMs > ports.config.periods.overAge ? "late" : "documents";
  try {
    await ports.queue.send(queue, body, { delayMs, attributes });
  } catch (error) {
    ports.log.warn("doorbell.lost", { documentId: ring.id, error: error as Error });
  }
}
