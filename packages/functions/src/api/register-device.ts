import { registerDevice } from "@strongroom/core/user/register-device";
import { route } from "../middleware.ts";

/** `PUT /v1/me/devices/{id}`. */
export const handler = route("registerDevice", async ({ ports, actor, params, body }) => ({
  body: await registerDevice(ports, actor, { deviceId: params.id, ...body }),
}));
