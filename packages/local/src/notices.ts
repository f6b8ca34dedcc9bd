import type { IncomingMessage, ServerResponse } from "node:http";
import type { EmbeddedPush } from "@strongroom/core/embedded/push";
import type { Mount } from "./http.ts";

const prefix = "/notices/";

/** Server-sent events of one device: `GET /notices/<push token>`; the token, known to the device alone, is the credential. */
export function noticeMount(push: Pick<EmbeddedPush, "subscribe">): Mount {
  return { prefix, handle: (request, response) => serve(push, request, response) };
}

function serve(push: Pick<EmbeddedPush, "subscribe">, request: IncomingMessage, response: ServerResponse): void {
  const token = decodeURIComponent(request.url!.slice(prefix.length).split("?")[0]!);
  if (request.method !== "GET" || token === "") return void response.writeHead(token === "" ? 404 : 405).end();
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store", "x-content-type-options": "nosniff" });
  response.flushHeaders();
  const after = Number(request.headers["last-event-id"] ?? 0);
  const unsubscribe = push.subscribe(
    token,
    ({ place, tag, data, sentAt }) => response.write(`id: ${place}\ndata: ${JSON.stringify({ tag, ...data, sentAt })}\n\n`),
    Number.isSafeInteger(after) ? after : 0,
  );
  response.once("close", unsubscribe);
}
