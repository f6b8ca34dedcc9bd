import { issueTicket } from "@strongroom/core/document/issue-ticket";
import { route } from "../middleware.ts";

/** `POST /v1/documents/{id}/tickets`. */
export const handler = route("issueTicket", async ({ ports, actor, params, body }) => ({
  body: await issueTicket(ports, actor, { documentId: params.id, artefact: body.artefact }),
}));
