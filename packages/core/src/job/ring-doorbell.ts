import * as z from "zod";
import type { DocumentRow } from "../database/tables.ts";
import { DocumentId, TenantId } from "../ids.ts";
import type { Ports } from "../ports/ports.ts";
import type { QueueName } from "../ports/queue.ts";
import { tenantShare } from "./tenant-share.ts";

/** A doorbell: which document to look at. What is to be done stands in the database alone. */
export const Doorbell = z.object({ tenantId: TenantId, documentId: DocumentId });
export type Doorbell = z.infer<typeof Doorbell>;

type Ring = Pick<DocumentRow, "tenant_id" | "id" | "received_at" | "traceparent">;
/** `ahead`: documents of the same tenant that wait already. */
type Ringing = { delayMs?: number; ahead?: number };

/**
 * Rings for a document after its commit, best effort: a lost bell is rung again by the reconciler. Fresh work of a tenant
 * within its share goes to `documents`; over-age work, and what a tenant sends beyond its share, to `late`.
 */
export async function ringDoorbell(
  ports: Pick<Ports, "queue" | "clock" | "config" | "log">,
  ring: Ring,
  { delayMs = 0, ahead = 0 }: Ringing = {},
): Promise<void> {
  const body = JSON.stringify({ tenantId: ring.tenant_id, documentId: ring.id });
  const ageMs = ring.received_at ? ports.clock.now().getTime() - ring.received_at.getTime() : 0;
  const attributes = ring.traceparent ? { traceparent: ring.traceparent } : {};
  const queue = chooseQueue({ ageMs, ahead }, ports.config.periods.overAge);
  try {
    await ports.queue.send(queue, body, { delayMs, attributes });
  } catch (error) {
    ports.log.warn("doorbell.lost", { documentId: ring.id, error: error as Error });
  }
}

/** Where a bell is rung. Workers ask `late` only while nothing waits in `documents`. */
export function chooseQueue(
  { ageMs, ahead }: { ageMs: number; ahead: number },
  overAgeMs: number,
): Extract<QueueName, "documents" | "late"> {
  return ageMs > overAgeMs || ahead >= tenantShare ? "late" : "documents";
}
