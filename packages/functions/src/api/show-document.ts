import { showDocument } from "@strongroom/core/document/show-document";
import { documentTag } from "../document-tag.ts";
import { route } from "../middleware.ts";

/** `GET /v1/documents/{id}`; its ETag is what an edit's `If-Match` takes. */
export const handler = route("showDocument", async ({ ports, actor, params }) => {
  const document = await showDocument(ports, actor, params.id);
  return { body: { document }, headers: { etag: documentTag(document) } };
});
