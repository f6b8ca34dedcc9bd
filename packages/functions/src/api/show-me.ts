import { showMe } from "@strongroom/core/user/show-me";
import { route } from "../middleware.ts";

/** `GET /v1/me`. */
export const handler = route("showMe", async ({ ports, actor }) => ({ body: await showMe(ports, actor) }));
