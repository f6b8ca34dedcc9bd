import type * as z from "zod";
import type { DeviceList } from "../api-shapes.ts";
import type { Ports } from "../ports/ports.ts";
import type { Actor } from "./user.ts";

/** Devices of this person that get pushes. */
export async function listDevices(
  ports: Pick<Ports, "database">,
  { tenantId, userId }: Actor,
): Promise<z.infer<typeof DeviceList>> {
  const rows = await ports.database.inOneTrip(tenantId, (tx) =>
    tx
      .selectFrom("device")
      .select(["id", "platform", "registered_at"])
      .where("tenant_id", "=", tenantId)
      .where("user_id", "=", userId)
      .where("dropped_at", "is", null)
      .orderBy("registered_at")
      .execute(),
  );
  return {
    devices: rows.map(({ id, platform, registered_at }) => ({
      id: id as never,
      platform,
      registeredAt: registered_at.toISOString(),
    })),
  };
}
