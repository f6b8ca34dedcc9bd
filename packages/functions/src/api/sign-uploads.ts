import { signUploads } from "@strongroom/core/upload/sign-uploads";
import { documentTag } from "../document-tag.ts";
import { route } from "../middleware.ts";

/** `POST /v1/documents/{id}/uploads`. */
export const handler = route("signUploads", async ({ ports, actor, params }) => {
  const reply = await signUploads(ports, actor, params.id);
  return { body: reply, headers: { etag: documentTag(reply.document) } };
});
