import { sql } from "kysely";
import { ago } from "../database/ago.ts";
import { containFaults } from "../database/contain-faults.ts";
import { lookInTurn } from "../document/look-in-turn.ts";
import { Refusal } from "../errors.ts";
import { TenantId } from "../ids.ts";
import type { Ports } from "../ports/ports.ts";
import { eraseBegun } from "./erase-begun.ts";
import { removeBytes } from "./remove-bytes.ts";
import type { Owned } from "./tombstone.ts";

type FinishPorts = Pick<Ports, "database" | "objects" | "ids" | "clock" | "config" | "log">;

/**
 * Finishes erasures that have begun and that nobody is at any more: who asked was killed, or a restore brought back that
 * somebody had asked, and was told nothing yet. Answers how many documents were erased. Throws when one could not be, after
 * all the others were.
 */
export async function finishErasures(ports: FinishPorts): Promise<number> {
  let finished = 0;
  const each = containFaults<Owned>((owned, error) =>
    ports.log.error("erasure.finish_failed", { ...owned, error }),
  );
  for await (const { tenant_id, id } of lookInTurn(ports, () => leftBegun(ports), lookedAt)) {
    const owned: Owned = { tenantId: TenantId.parse(tenant_id), documentId: id };
    if (await each.did(owned, () => finish(ports, owned))) finished += 1;
  }
  each.end();
  return finished;
}

/** When it was looked at last, or the erasure began: those begun since come behind those that wait for their next look. */
const lookedAt = sql<Date>`greatest(rung_at, erasing_at)`;

function leftBegun({ database, config }: FinishPorts) {
  return database.system
    .selectFrom("document")
    .select(["tenant_id", "id"])
    .where("state", "<>", "erased")
    .where("erasing_at", "<", ago(config.periods.silence));
}

async function finish(ports: FinishPorts, owned: Owned): Promise<boolean> {
  try {
    if (!(await eraseBegun(ports, owned, "system:reconciler"))) return false;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    ports.log.warn("erasure.called_off", { ...owned, code: error.code });
    return false;
  }
  const removed = await removeBytes(ports, owned);
  ports.log.info("document.erased", { ...owned, removed, finished: true });
  return true;
}
