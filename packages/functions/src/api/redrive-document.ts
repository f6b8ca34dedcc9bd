import { redriveDocument } from "@strongroom/core/job/redrive-document";
import { documentTag } from "../document-tag.ts";
import { route } from "../middleware.ts";

/** `POST /v1/documents/{id}/redrive`. */
export const handler = route("redriveDocument", async ({ ports, actor, params }) => {
  const document = await redriveDocument(ports, actor, params.id);
  return { body: { document }, headers: { etag: documentTag(document) } };
});
