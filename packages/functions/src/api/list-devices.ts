import { listDevices } from "@strongroom/core/user/list-devices";
import { route } from "../middleware.ts";

/** `GET /v1/me/devices`. */
export const handler = route("listDevices", async ({ ports, actor }) => ({
  body: await listDevices(ports, actor),
}));
