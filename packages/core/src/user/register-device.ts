import { sql } from "kysely";
import type * as z from "zod";
import type { Device } from "../api-shapes.ts";
import { appendAudit } from "../audit/append-audit.ts";
import { Refusal } from "../errors.ts";
import type { DeviceId } from "../ids.ts";
import type { Transaction } from "../ports/database.ts";
import type { Ports } from "../ports/ports.ts";
import { auditDisplaced, dropSurplus, dropTokenElsewhere, lockDevices } from "./displace-devices.ts";
import { type Actor, actorName } from "./user.ts";

type Registration = { deviceId: DeviceId; platform: "ios" | "android" | "web"; pushToken: string };

/**
 * Registers a device of this person, or gives it a new token. Other devices of the tenant with this token are dropped, and
 * beyond the person's limit the one unused for longest. Idempotent by device id.
 */
export async function registerDevice(
  ports: Pick<Ports, "database" | "ids">,
  actor: Actor,
  registration: Registration,
): Promise<z.infer<typeof Device>> {
  const { deviceId, platform } = registration;
  const registeredAt = await ports.database.withTenant(actor.tenantId, async (tx) => {
    const [, registered, moved, surplus] = await Promise.all([
      lockDevices(tx),
      upsert(tx, actor, registration),
      dropTokenElsewhere(tx, registration),
      dropSurplus(tx, actor, deviceId),
      appendAudit(ports, tx, { actor: actorName(actor), action: "device.registered", subject: deviceId }),
    ]);
    if (!registered)
      throw new Refusal("device_taken", "This device id belongs to somebody else. Make a new one.", {
        status: 409,
      });
    const because = { actor, device: deviceId };
    await auditDisplaced(ports, tx, { ...because, ids: moved, reason: "token_moved" });
    await auditDisplaced(ports, tx, { ...because, ids: surplus, reason: "device_limit" });
    return registered.registered_at;
  });
  return { id: deviceId, platform, registeredAt: registeredAt.toISOString() };
}

/** Nothing when the device is of somebody else. */
async function upsert(
  tx: Transaction,
  { tenantId, userId }: Actor,
  { deviceId, platform, pushToken }: Registration,
) {
  const token = { platform, push_token: pushToken };
  return await tx
    .insertInto("device")
    .values({ tenant_id: tenantId, id: deviceId, user_id: userId, ...token })
    .onConflict((conflict) =>
      conflict
        .columns(["tenant_id", "id"])
        .doUpdateSet({ ...token, registered_at: sql`clock_timestamp()`, dropped_at: null })
        .where("device.user_id", "=", userId),
    )
    .returning("registered_at")
    .executeTakeFirst();
}
