import { listKinds } from "@strongroom/core/document/list-kinds";
import { route } from "../middleware.ts";

/** `GET /v1/kinds`. */
export const handler = route("listKinds", async ({ ports, actor }) => ({
  body: await listKinds(ports, actor),
}));
