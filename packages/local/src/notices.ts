import type { IncomingMessage, ServerResponse } from "node:http";
import type { EmbeddedPush } from "@strongroom/core/embedded/push";
import type { Mount } from "./http.ts";

const prefix = "/notices/";
/** A stream without a notice says something this often: the server cuts off whoever is silent for 60 s. */
const heartbeatMs = 20_000;

type Options = { stopping: AbortSignal; heartbeatMs?: number };

/**
 * Server-sent events of one device: `GET /notices/<push token>`; the token, known to the device alone, is the credential.
 * `Last-Event-ID` goes on after a notice. Streams end when `stopping` aborts.
 */
export function noticeMount(push: Pick<EmbeddedPush, "subscribe">, options: Options): Mount {
  return { prefix, handle: (request, response) => serve(push, options, request, response) };
}

function serve(
  push: Pick<EmbeddedPush, "subscribe">,
  options: Options,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const token = tokenOf(request.url!);
  if (token === null) return void response.writeHead(404).end();
  if (request.method !== "GET") return void response.writeHead(405, { allow: "GET" }).end();
  response.writeHead(200, {
    "content-type": "text/event-stream",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
  });
  response.flushHeaders();
  const unsubscribe = push.subscribe(
    token,
    ({ place, tag, data, sentAt }) =>
      response.write(`id: ${place}\ndata: ${JSON.stringify({ tag, ...data, sentAt })}\n\n`),
    placeAfter(request),
  );
  const beating = setInterval(() => response.write(": still here\n\n"), options.heartbeatMs ?? heartbeatMs);
  const stop = () => void response.end();
  options.stopping.addEventListener("abort", stop);
  response.once("close", () => {
    unsubscribe();
    clearInterval(beating);
    options.stopping.removeEventListener("abort", stop);
  });
}

/** Null when there is none, or none that can be read. */
function tokenOf(url: string): string | null {
  try {
    return decodeURIComponent(url.slice(prefix.length).split("?")[0]!) || null;
  } catch {
    return null;
  }
}

function placeAfter(request: IncomingMessage): number {
  const place = Number(request.headers["last-event-id"] ?? 0);
  return Number.isSafeInteger(place) ? place : 0;
}
