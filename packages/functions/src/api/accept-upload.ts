import { acceptUpload } from "@strongroom/core/upload/accept-upload";
import { documentTag } from "../document-tag.ts";
import { route } from "../middleware.ts";

/** `POST /v1/documents`: 201 for a new document, 200 when the same request was accepted before. */
export const handler = route("acceptUpload", async ({ ports, actor, body }) => {
  const { created, document, uploads } = await acceptUpload(ports, actor, body);
  const headers = { etag: documentTag(document), location: `/v1/documents/${document.id}` };
  return { status: created ? 201 : 200, body: { document, uploads }, headers };
});
