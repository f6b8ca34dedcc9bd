import { listDocuments } from "@strongroom/core/document/list-documents";
import { route } from "../middleware.ts";

/** `GET /v1/documents`. */
export const handler = route("listDocuments", async ({ ports, actor, query }) => ({
  body: await listDocuments(ports, actor, query),
}));
