import type { Route } from "@strongroom/core/api";
import { Refusal } from "@strongroom/core/errors";
import * as z from "zod";
import { invalidRequest, type Place } from "./explain-issue.ts";
import type { HttpEvent } from "./gateway.ts";

/** Limits of a request; bodies are descriptions of documents, never documents. */
export const requestLimits = { bodyBytes: 256 * 1024, jsonDepth: 16 } as const;

type Parsed = {
  params: Record<string, unknown>;
  query: Record<string, unknown>;
  body: Record<string, unknown>;
};

const nothing = z.strictObject({});

/**
 * Path, query and body by the schemas of their route; what a route does not declare is refused.
 * Throws a Refusal: 400 that names the field, 413 above 256 KiB, 415 for anything but JSON.
 */
export function parseRequest(route: Route, event: HttpEvent): Parsed {
  return {
    params: check("path", route.params, event.pathParameters ?? paramsOf(route.path, event.rawPath)),
    query: check("query", route.query, queryOf(event.rawQueryString)),
    body: check("body", route.body, bodyOf(event)),
  };
}

function check(place: Place, schema: z.ZodObject = nothing, value: unknown): Record<string, unknown> {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw invalidRequest(place, parsed.error);
  return parsed.data;
}

/** The `{…}` of a route's path in a raw path; a stage in front of it is passed over. */
export function paramsOf(template: string, rawPath: string): Record<string, string> {
  const [names, values] = [template.split("/"), rawPath.split("/")];
  const ahead = values.length - names.length;
  const pairs = names.flatMap((name, index) =>
    name.startsWith("{") ? [[name.slice(1, -1), decode(values[index + ahead])]] : [],
  );
  return Object.fromEntries(pairs);
}

function decode(segment = ""): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw malformed("The path is not percent-encoded UTF-8.");
  }
}

function queryOf(raw: string): Record<string, string> {
  const pairs = [...new URLSearchParams(raw)];
  const query = Object.fromEntries(pairs);
  if (Object.keys(query).length < pairs.length)
    throw malformed("A query parameter is given twice; give each once.");
  return query;
}

/** `{}` when there is no body: a schema with a required field then names that field. */
function bodyOf({ body = "", isBase64Encoded, headers }: HttpEvent): unknown {
  if (body === "") return {};
  const bytes = Buffer.from(body, isBase64Encoded ? "base64" : "utf8");
  if (bytes.length > requestLimits.bodyBytes) throw bodyTooLarge();
  const isJson = /^application\/json\s*(;\s*charset="?utf-8"?\s*)?$/i.test(headers["content-type"] ?? "");
  if (!isJson || headers["content-encoding"] !== undefined) {
    throw new Refusal(
      "unsupported_media_type",
      "Send the body as application/json in UTF-8, not compressed.",
      { status: 415 },
    );
  }
  return parseJson(bytes);
}

/** The refusal of a body above the limit. */
export function bodyTooLarge(): Refusal {
  const detail = "The body is larger than 256 KiB. Bytes of documents go to the signed URLs, not here.";
  return new Refusal("body_too_large", detail, { status: 413 });
}

/** Throws a Refusal for what is no JSON, nested too deep, or would name a prototype. */
function parseJson(bytes: Uint8Array): unknown {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw malformed("The body is not UTF-8.");
  }
  // Before parsing: the reviver below recurses, and depth is the sender's choice.
  if (depthOf(text) > requestLimits.jsonDepth) throw malformed("The body is nested too deep.");
  try {
    return JSON.parse(text, refusePrototype) as unknown;
  } catch (error) {
    throw error instanceof Refusal ? error : malformed("The body is not JSON.");
  }
}

function refusePrototype(name: string, value: unknown): unknown {
  if (name === "__proto__") throw malformed('The field "__proto__" is not known here; leave it out.');
  return value;
}

/** Deepest nesting of brackets outside strings, whether or not the text is JSON; one pass, since the sender may be hostile. */
function depthOf(text: string): number {
  let [depth, deepest, inString] = [0, 0, false];
  for (let at = 0; at < text.length; at++) {
    const letter = text[at];
    if (letter === '"') inString = !inString;
    else if (inString) at += letter === "\\" ? 1 : 0;
    else if (letter === "[" || letter === "{") deepest = Math.max(deepest, ++depth);
    else if (letter === "]" || letter === "}") depth--;
  }
  return deepest;
}

function malformed(detail: string): Refusal {
  return new Refusal("invalid_request", detail, { status: 400 });
}
