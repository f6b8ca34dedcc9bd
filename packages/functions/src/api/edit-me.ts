import { editMe } from "@strongroom/core/user/edit-me";
import { route } from "../middleware.ts";

/** `PUT /v1/me`. */
export const handler = route("editMe", async ({ ports, actor, body }) => ({
  body: await editMe(ports, actor, body),
}));
