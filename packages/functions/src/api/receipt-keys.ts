import { receiptKeys } from "@strongroom/core/receipt/receipt-keys";
import { route } from "../middleware.ts";

/** `GET /v1/receipt-keys`: a JWKS, the same for everybody, so caches may keep it. */
export const handler = route("receiptKeys", async ({ ports }) => ({
  body: await receiptKeys(ports),
  headers: { "cache-control": "public, max-age=300" },
}));
