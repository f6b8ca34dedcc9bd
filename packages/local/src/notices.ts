import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { EmbeddedPush } from "@strongroom/core/embedded/push";
import { Refusal } from "@strongroom/core/errors";
import { commonHeaders, problemAnswer } from "@strongroom/functions/problem";
import { sendAnswer } from "./http-answer.ts";
import type { Mount } from "./http.ts";

const prefix = "/notices/";
/** A stream without a notice says something this often: the server cuts off whoever is silent for 60 s. */
const heartbeatMs = 20_000;

/**
 * Streams at once. Each looks into the database once a second: a thousand cost 0.07 of a core here (measured, two cores). A phone
 * that lost its network opens a new one while TCP still waits for the old one, for a quarter of an hour.
 */
const noticeLimits = { perDevice: 8, total: 1_000 };
/** A phone that hears nothing for so long has lost nothing: it goes on after the last notice that it has. */
const retryAfterSeconds = 60;

type Options = { stopping: AbortSignal; heartbeatMs?: number; limits?: typeof noticeLimits };
type Serving = Options & { push: Pick<EmbeddedPush, "subscribe">; open: OpenStreams };
/** How many streams each token has now; any text is taken for a token. */
type OpenStreams = Map<string, number>;

/**
 * Server-sent events of one device: `GET /notices/<push token>`; the token, known to the device alone, is the credential.
 * `Last-Event-ID` goes on after a notice. Streams end when `stopping` aborts. Beyond the limits a stream is refused: 429 when the
 * device has too many, 503 when there are too many in all.
 */
export function noticeMount(push: Pick<EmbeddedPush, "subscribe">, options: Options): Mount {
  const serving = { ...options, push, open: new Map() };
  return { prefix, handle: (request, response) => serve(serving, request, response) };
}

async function serve(serving: Serving, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const token = tokenOf(request.url!);
  if (token === null) return void response.writeHead(404).end();
  if (request.method !== "GET") return void response.writeHead(405, { allow: "GET" }).end();
  const refusal = refusalFor(serving, token);
  if (!refusal) return stream(serving, token, request, response);
  const requestId = randomUUID();
  const answer = problemAnswer(refusal, requestId);
  const headers = { ...commonHeaders(requestId), ...answer.headers };
  await sendAnswer(request, response, { ...answer, headers });
}

function refusalFor({ open, limits = noticeLimits }: Serving, token: string): Refusal | null {
  const total = open.values().reduce((sum, count) => sum + count, 0);
  if ((open.get(token) ?? 0) >= limits.perDevice)
    return new Refusal("rate_limited", "This device listens to its notices too often at once.", {
      status: 429,
      retryAfterSeconds,
    });
  if (total < limits.total) return null;
  return new Refusal("unavailable", "Too many devices listen at once. No notice is lost; come again later.", {
    status: 503,
    retryAfterSeconds,
  });
}

/** Counts a stream of a token; the answer gives its place back. */
function count(open: OpenStreams, token: string): () => void {
  open.set(token, (open.get(token) ?? 0) + 1);
  return () => {
    const left = open.get(token)! - 1;
    if (left === 0) open.delete(token);
    else open.set(token, left);
  };
}

function stream(
  { push, open, ...options }: Serving,
  token: string,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const leave = count(open, token);
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
    leave();
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
