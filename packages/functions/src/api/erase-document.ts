import { eraseDocument } from "@strongroom/core/retention/erase-document";
import { route } from "../middleware.ts";

/** `DELETE /v1/documents/{id}`: the certificate of erasure, a compact JWS. */
export const handler = route("eraseDocument", async ({ ports, actor, params }) => ({
  body: await eraseDocument(ports, actor, params.id),
}));
