import { readReceipt } from "@strongroom/core/receipt/read-receipt";
import { route } from "../middleware.ts";

/** `GET /v1/documents/{id}/receipt`: a compact JWS. */
export const handler = route("readReceipt", async ({ ports, actor, params }) => ({
  body: await readReceipt(ports, actor, params.id),
}));
