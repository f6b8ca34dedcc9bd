import { editDocument } from "@strongroom/core/document/edit-document";
import { documentTag } from "../document-tag.ts";
import { route } from "../middleware.ts";

/** `PATCH /v1/documents/{id}`, checked against `If-Match`. */
export const handler = route("editDocument", async ({ ports, actor, params, body, headers }) => {
  const ifMatch = headers["if-match"] ?? null;
  const reply = await editDocument(ports, actor, { documentId: params.id, ifMatch, edit: body });
  return { body: reply, headers: { etag: documentTag(reply.document) } };
});
