import { sql } from "kysely";
import type * as z from "zod";
import type { Device } from "../api-shapes.ts";
import { appendAudit } from "../audit/append-audit.ts";
import { Refusal } from "../errors.ts";
import type { DeviceId } from "../ids.ts";
import type { Ports } from "../ports/ports.ts";
import { type Actor, actorName } from "./user.ts";

type Registration = { deviceId: DeviceId; platform: "ios" | "android" | "web"; pushToken: string };

/** Registers a device of this person, or gives it a new token. Idempotent by device id. */
export async function registerDevice(
  ports: Pick<Ports, "database" | "ids">,
  actor: Actor,
  { deviceId, platform, pushToken }: Registration,
): Promise<z.infer<typeof Device>> {
  const device = {
    tenant_id: actor.tenantId,
    id: deviceId,
    user_id: actor.userId,
    platform,
    push_token: pushToken,
  };
  const row = await ports.database.withTenant(actor.tenantId, async (tx) => {
    const [registered] = await Promise.all([
      tx
        .insertInto("device")
        .values(device)
        .onConflict((conflict) =>
          conflict
            .columns(["tenant_id", "id"])
            .doUpdateSet({
              platform,
              push_token: pushToken,
              registered_at: sql`clock_timestamp()`,
              dropped_at: null,
            })
            .where("device.user_id", "=", actor.userId),
        )
        .returning("registered_at")
        .executeTakeFirst(),
      appendAudit(ports, tx, { actor: actorName(actor), action: "device.registered", subject: deviceId }),
    ]);
    if (!registered)
      throw new Refusal("device_taken", "This device id belongs to somebody else. Make a new one.", {
        status: 409,
      });
    return registered;
  });
  return { id: deviceId, platform, registeredAt: row.registered_at.toISOString() };
}
