import { describeApi } from "@strongroom/core/openapi";
import { route } from "../middleware.ts";

/** It follows from the code and its address alone, and is asked for by anybody. */
let made: { publicUrl: string; body: ReturnType<typeof describeApi> } | null = null;

function describeOnce(publicUrl: string): ReturnType<typeof describeApi> {
  if (made?.publicUrl !== publicUrl) made = { publicUrl, body: describeApi(publicUrl) };
  return made.body;
}

/** `GET /openapi.json`. */
export const handler = route("describeApi", async ({ ports }) => ({
  body: describeOnce(ports.config.publicUrl),
  headers: { "cache-control": "public, max-age=300" },
}));
