import { sql } from "kysely";
import { containFaults } from "../database/contain-faults.ts";
import { lookInTurn } from "../document/look-in-turn.ts";
import { TenantId } from "../ids.ts";
import type { Ports } from "../ports/ports.ts";
import { removeBytes } from "./remove-bytes.ts";
import type { Owned } from "./tombstone.ts";

type ClearPorts = Pick<Ports, "database" | "objects" | "clock" | "config" | "log">;

/**
 * Removes what lies in staging and vault of documents erased lately: of erasures that died after their commit, and what a
 * URL signed before brought since. Answers for how many that time is over, and with it the watch on them.
 * Throws when one could not be cleared, after all the others were.
 */
export async function clearErased(ports: ClearPorts): Promise<number> {
  let cleared = 0;
  const each = containFaults<Owned>((owned, error) =>
    ports.log.error("erased.clear_failed", { ...owned, error }),
  );
  for await (const { tenant_id, id, over } of lookInTurn(ports, () => watched(ports), lookedAt)) {
    const owned: Owned = { tenantId: TenantId.parse(tenant_id), documentId: id };
    if (await each.did(owned, () => clear(ports, owned, over))) cleared += 1;
  }
  each.end();
  return cleared;
}

/** When it was looked at last, or it was erased: those erased since come behind those that wait for their next look. */
const lookedAt = sql<Date>`greatest(rung_at, settled_at)`;

function watched(ports: ClearPorts) {
  return ports.database.system
    .selectFrom("document")
    .select(["tenant_id", "id", sql<boolean>`settled_at < ${watchedSince(ports)}`.as("over")])
    .where("state", "=", "erased")
    .where("staging_cleared_at", "is", null);
}

async function clear(ports: ClearPorts, owned: Owned, over: boolean): Promise<boolean> {
  await removeBytes(ports, owned);
  if (!over) return false;
  const { tenantId, documentId } = owned;
  await ports.database.withTenant(tenantId, (tx) =>
    tx
      .updateTable("document")
      .set({ staging_cleared_at: sql`clock_timestamp()` })
      .where((eb) => eb.and({ tenant_id: tenantId, id: documentId, state: "erased" }))
      .execute(),
  );
  return true;
}

/** Longer than a signed URL lives, and the slowest upload that began with it. */
const watchedSince = ({ config }: ClearPorts) =>
  sql<Date>`clock_timestamp() - ${config.periods.orphanGrace}::float8 * interval '1 millisecond'`;
