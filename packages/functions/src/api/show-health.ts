import { showHealth } from "@strongroom/core/job/show-health";
import { route } from "../middleware.ts";

/** `GET /health`. */
export const handler = route("showHealth", async ({ ports }) => ({ body: await showHealth(ports) }));
