import { sql } from "kysely";
import { TenantId } from "../ids.ts";
import type { Ports } from "../ports/ports.ts";
import { removeBytes } from "./remove-bytes.ts";

type ClearPorts = Pick<Ports, "database" | "objects" | "config">;

/**
 * Removes what lies in staging and vault of documents erased lately: of erasures that died after their commit, and what a
 * URL signed before brought since. Answers for how many that time is over, and with it the watch on them.
 */
export async function clearErased(ports: ClearPorts): Promise<number> {
  const rows = await ports.database.system
    .selectFrom("document")
    .select(["tenant_id", "id", sql<boolean>`settled_at < ${watchedSince(ports)}`.as("over")])
    .where("state", "=", "erased")
    .where("staging_cleared_at", "is", null)
    .orderBy("settled_at")
    .limit(200)
    .execute();
  let cleared = 0;
  for (const { tenant_id, id, over } of rows) {
    const tenantId = TenantId.parse(tenant_id);
    await removeBytes(ports, { tenantId, documentId: id });
    if (!over) continue;
    await ports.database.withTenant(tenantId, (tx) =>
      tx
        .updateTable("document")
        .set({ staging_cleared_at: sql`clock_timestamp()` })
        .where((eb) => eb.and({ tenant_id: tenantId, id, state: "erased" }))
        .execute(),
    );
    cleared += 1;
  }
  return cleared;
}

/** Longer than a signed URL lives, and the slowest upload that began with it. */
const watchedSince = ({ config }: ClearPorts) =>
  sql<Date>`clock_timestamp() - ${config.periods.orphanGrace}::float8 * interval '1 millisecond'`;
