import { completeUpload } from "@strongroom/core/upload/complete-upload";
import { documentTag } from "../document-tag.ts";
import { route } from "../middleware.ts";

/** `POST /v1/documents/{id}/complete`. */
export const handler = route("completeUpload", async ({ ports, actor, params }) => {
  const document = await completeUpload(ports, actor, params.id);
  return { body: { document }, headers: { etag: documentTag(document) } };
});
