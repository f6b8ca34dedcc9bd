import type { DocumentRow } from "../database/tables.ts";
import { TenantId } from "../ids.ts";
import type { Ports } from "../ports/ports.ts";
import { ringDoorbell } from "./ring-doorbell.ts";
import { handOnTurn, hasTurn } from "./turn.ts";

type RingPorts = Pick<Ports, "database" | "queue" | "clock" | "config" | "log">;

/** Hands the turn of a document on, if it had one, once it is done or put off. */
export async function endTurn(ports: RingPorts, document: DocumentRow): Promise<void> {
  if (hasTurn(document)) await passTurn(ports, TenantId.parse(document.tenant_id));
}

/**
 * Hands a turn on and rings for the document that has it now. Asked for by whoever ends with a turn, and by one that was
 * received to wait: the document that it waits for may have ended meanwhile, neither seeing the other. Best effort: a bell
 * waits in `late` all the same, and the reconciler asks again.
 */
export async function passTurn(ports: RingPorts, tenantId: TenantId): Promise<void> {
  try {
    const { periods } = ports.config;
    const next = await ports.database.inOneTrip(tenantId, (tx) => handOnTurn(tx, periods));
    if (next) await ringDoorbell(ports, next);
  } catch (error) {
    ports.log.warn("turn.not_handed_on", { tenantId, error: error as Error });
  }
}
