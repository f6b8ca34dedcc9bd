import { readDocument } from "@strongroom/core/document/read-document";
import { route } from "../middleware.ts";
import { limitReader } from "../rate-limit.ts";
import { contentHeaders } from "./content-headers.ts";
import { streamAnswer } from "./stream-answer.ts";

/** `GET /v1/documents/{id}/content`: the bytes of one artefact, for whoever holds a ticket to it. */
export const handler = streamAnswer(
  route("readDocument", async ({ ports, params, query }) => {
    await limitReader(ports, query.ticket);
    const { body, ...content } = await readDocument(ports, { documentId: params.id, ...query });
    return { body, headers: contentHeaders(content) };
  }),
);
