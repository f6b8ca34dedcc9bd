import { sql } from "kysely";
import { appendAudit } from "../audit/append-audit.ts";
import type { Ports } from "../ports/ports.ts";
import { type Actor, actorName } from "./user.ts";

/** Sends no more pushes to a device of this person; an unknown one is no error. */
export async function dropDevice(
  ports: Pick<Ports, "database" | "ids">,
  actor: Actor,
  deviceId: string,
): Promise<void> {
  await ports.database.withTenant(actor.tenantId, async (tx) => {
    const dropped = await tx
      .updateTable("device")
      .set({ dropped_at: sql`clock_timestamp()` })
      .where("tenant_id", "=", actor.tenantId)
      .where("id", "=", deviceId)
      .where("user_id", "=", actor.userId)
      .where("dropped_at", "is", null)
      .returning("id")
      .executeTakeFirst();
    if (dropped)
      await appendAudit(ports, tx, { actor: actorName(actor), action: "device.dropped", subject: deviceId });
  });
}
