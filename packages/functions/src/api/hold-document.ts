import { holdDocument } from "@strongroom/core/retention/hold-document";
import { documentTag } from "../document-tag.ts";
import { route } from "../middleware.ts";

/** `POST /v1/documents/{id}/hold`, checked against `If-Match`. */
export const handler = route("holdDocument", async ({ ports, actor, params, body, headers }) => {
  const ifMatch = headers["if-match"] ?? null;
  const document = await holdDocument(ports, actor, { documentId: params.id, ifMatch, hold: body });
  return { body: { document }, headers: { etag: documentTag(document) } };
});
