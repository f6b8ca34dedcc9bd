import { createHash } from "node:crypto";
import type { Readable } from "node:stream";
import type { Route } from "@strongroom/core/api";
import type { HttpAnswer } from "./gateway.ts";

/** What a handler gives back: a status other than the route's own, a body, headers (lower-case) that win over the usual ones. */
export type Reply<Body = unknown> = { status?: number; body?: Body; headers?: Record<string, string> };

/**
 * The answer to a reply. JSON leaves only as its schema says, so that no column slips out; a reply that does not fit is our
 * fault and throws. A GET bears an ETag, and answers 304 to whoever holds it already.
 */
export function answerWith(route: Route, reply: Reply, ifNoneMatch: string | undefined): HttpAnswer {
  const { status = route.reply.status, headers = {} } = reply;
  if (route.reply.schema === null) {
    const type = route.reply.contentType ? { "content-type": route.reply.contentType } : {};
    return {
      statusCode: status,
      headers: { ...type, ...headers },
      body: (reply.body ?? "") as string | Uint8Array | Readable,
    };
  }
  const body = JSON.stringify(route.reply.schema.parse(reply.body));
  const etag = route.method === "GET" ? { etag: weakTag(body) } : {};
  const all = { "content-type": "application/json", ...etag, ...headers };
  if (route.method === "GET" && matches(ifNoneMatch, all.etag!))
    return { statusCode: 304, headers: { etag: all.etag! }, body: "" };
  return { statusCode: status, headers: all, body };
}

/** An ETag that changes with the text; weak, since proxies may re-encode it. */
export function weakTag(text: string): string {
  return `W/"${createHash("sha256").update(text).digest("base64url").slice(0, 22)}"`;
}

/** Weak comparison of RFC 9110: a list of tags, or any. */
function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  const opaque = (tag: string) => tag.trim().replace(/^W\//, "");
  return ifNoneMatch.trim() === "*" || ifNoneMatch.split(",").map(opaque).includes(opaque(etag));
}
