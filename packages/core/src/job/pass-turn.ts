import type { DocumentRow } from "../database/tables.ts";
import { TenantId } from "../ids.ts";
import type { Ports } from "../ports/ports.ts";
import { ringDoorbell } from "./ring-doorbell.ts";
import { handOnTurn, hasTurn, isPassedOver, type Turn } from "./turn.ts";

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
    const next = await findNext(ports, tenantId);
    if (next) await ringDoorbell(ports, next);
  } catch (error) {
    ports.log.warn("turn.not_handed_on", { tenantId, error: error as Error });
  }
}

/** So often, and so long after one another, one is looked for that was passed over: rows are held for milliseconds, as a rule. */
const again = { times: 5, afterMs: 20 };

async function findNext(ports: RingPorts, tenantId: TenantId): Promise<Turn | null> {
  const { periods } = ports.config;
  for (let looks = 0; ; looks += 1) {
    const [next, isStranded] = await ports.database.inOneTrip(tenantId, (tx) =>
      Promise.all([handOnTurn(tx, periods), isPassedOver(tx, periods)]),
    );
    if (next || !isStranded || looks === again.times) return next;
    await ports.clock.sleep(again.afterMs);
  }
}
