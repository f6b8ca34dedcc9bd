import { dropDevice } from "@strongroom/core/user/drop-device";
import { route } from "../middleware.ts";

/** `DELETE /v1/me/devices/{id}`. */
export const handler = route("dropDevice", async ({ ports, actor, params }) => {
  await dropDevice(ports, actor, params.id);
  return {};
});
