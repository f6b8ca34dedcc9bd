import { describeApi } from "@strongroom/core/openapi";
import { route } from "../middleware.ts";

/** `GET /openapi.json`. */
export const handler = route("describeApi", async ({ ports }) => ({
  body: describeApi(ports.config.publicUrl),
  headers: { "cache-control": "public, max-age=300" },
}));
