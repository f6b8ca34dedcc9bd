import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { routes } from "@strongroom/core/api";
import { Refusal } from "@strongroom/core/errors";
import type { HttpEvent } from "@strongroom/functions/gateway";
import { bodyTooLarge, requestLimits } from "@strongroom/functions/parse-request";
import type { Match } from "./http-routes.ts";

/** Path and query of a request as they came; throws a Refusal for a target that is not a path. */
export function targetOf({ url = "" }: IncomingMessage): { path: string; query: string } {
  if (!url.startsWith("/"))
    throw new Refusal("invalid_request", "The request target is not a path.", { status: 400 });
  const [path = "", ...query] = url.split("?");
  return { path, query: query.join("?") };
}

/** The event that API Gateway would make of this request (HTTP API, payload format 2.0). */
export function eventFrom(
  request: IncomingMessage,
  { name, params }: Match,
  body: Buffer,
): HttpEvent & Record<string, unknown> {
  const { path, query } = targetOf(request);
  const routeKey = `${routes[name].method} ${routes[name].path}`;
  const requestContext = { ...contextOf(request, path, routes[name].method), routeKey };
  return {
    version: "2.0",
    routeKey,
    rawPath: path,
    rawQueryString: query,
    headers: headersOf(request),
    ...(request.headers.cookie && { cookies: request.headers.cookie.split("; ") }),
    ...(query && { queryStringParameters: joinedQuery(query) }),
    ...(Object.keys(params).length > 0 && { pathParameters: params }),
    ...(body.length > 0 && { body: body.toString("base64") }),
    isBase64Encoded: body.length > 0,
    requestContext,
  };
}

function contextOf({ socket, headers, httpVersion }: IncomingMessage, path: string, method: string) {
  const now = new Date();
  const sourceIp = (socket.remoteAddress ?? "").replace(/^::ffff:/, "");
  return {
    accountId: "local",
    apiId: "local",
    domainPrefix: "local",
    stage: "$default",
    domainName: headers.host ?? "",
    requestId: randomUUID(),
    time: now.toUTCString(),
    timeEpoch: now.getTime(),
    http: { method, path, protocol: `HTTP/${httpVersion}`, sourceIp, userAgent: headers["user-agent"] ?? "" },
  };
}

/** Repeated headers joined: Node would keep the first of two Authorization headers, and hide that there were two. */
function headersOf({ headersDistinct }: IncomingMessage): Record<string, string> {
  const pairs = Object.entries(headersDistinct).filter(([name]) => name !== "cookie");
  return Object.fromEntries(pairs.map(([name, values = []]) => [name, values.join(",")]));
}

function joinedQuery(query: string): Record<string, string> {
  const params = new URLSearchParams(query);
  return Object.fromEntries([...new Set(params.keys())].map((name) => [name, params.getAll(name).join(",")]));
}

/**
 * The body of a request for a handler. Throws a Refusal with 413 as soon as it is known to be over 256 KiB, without having
 * kept more than that, and with 400 when it is not complete after `withinMs` (one byte a second would hold the place else).
 * Rejects with another error when the client breaks off.
 */
export async function readBody(
  request: IncomingMessage,
  response: ServerResponse,
  withinMs: number,
): Promise<Buffer> {
  if (Number(request.headers["content-length"] ?? 0) > requestLimits.bodyBytes) throw bodyTooLarge();
  if (request.headers.expect !== undefined) response.writeContinue();
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(tooSlow()), withinMs);
  try {
    return await Promise.race([collect(request), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function tooSlow(): Refusal {
  return new Refusal("body_too_slow", "The body did not come in time. Send the request again.", {
    status: 400,
    retryAfterSeconds: 1,
  });
}

async function collect(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  // Without destroyOnReturn the refusal could not be answered: the iterator would take the connection along.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > requestLimits.bodyBytes) throw bodyTooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
