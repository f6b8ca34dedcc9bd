import type * as z from "zod";
import type { DeviceList } from "../api-shapes.ts";
import type { Ports } from "../ports/ports.ts";
import { liveDevices } from "./live-devices.ts";
import type { Actor } from "./user.ts";

/** Devices of this person that get pushes, in the order of registration. */
export async function listDevices(
  ports: Pick<Ports, "database">,
  { tenantId, userId }: Actor,
): Promise<z.infer<typeof DeviceList>> {
  const rows = await ports.database.inOneTrip(tenantId, (tx) =>
    liveDevices(tx, userId).select(["id", "platform", "registered_at"]).execute(),
  );
  return {
    devices: rows.toReversed().map(({ id, platform, registered_at }) => ({
      id: id as never,
      platform,
      registeredAt: registered_at.toISOString(),
    })),
  };
}
