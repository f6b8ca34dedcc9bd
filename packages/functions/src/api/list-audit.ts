import { listAudit } from "@strongroom/core/audit/list-audit";
import { route } from "../middleware.ts";

/** `GET /v1/audit`. */
export const handler = route("listAudit", async ({ ports, actor, query }) => ({
  body: await listAudit(ports, actor, query),
}));
