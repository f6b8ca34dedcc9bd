import { type Route, type RouteName, routes } from "@strongroom/core/api";
import { Problem } from "@strongroom/core/api-shapes";
import type * as z from "zod";
import { defaultPatience, type Patience, waitAfter } from "./patience.ts";
import { ApiProblem, LocalProblem, Unreachable } from "./problems.ts";

type Part<Name extends RouteName, Key extends "params" | "query" | "body"> =
  (typeof routes)[Name] extends Record<Key, infer Schema extends z.ZodType>
    ? Record<Key, z.input<Schema>>
    : unknown;

/** What a route takes: path parameters, query and body, each where its contract has one. */
export type RequestOf<Name extends RouteName> = Part<Name, "params"> &
  Part<Name, "query"> &
  Part<Name, "body">;

/** What a route answers: its JSON, checked, or plain text where the contract has no JSON. */
export type ReplyOf<Name extends RouteName> =
  (typeof routes)[Name]["reply"]["schema"] extends infer Schema extends z.ZodType ? z.output<Schema> : string;

type Sent = { params?: object; query?: object; body?: unknown; signal?: AbortSignal };
type Answer = { status: number; headers: Headers; text: string };
type CallOptions = { signal?: AbortSignal };

/** A reply, the tag to ask with whether there is another one by now, and when it was made by the server's clock, in whole seconds. */
export type Tagged<Name extends RouteName> = { reply: ReplyOf<Name>; etag: string | null; at: Date | null };

/** Settings of a client; `token` null only for routes that anybody may call. */
export type ClientOptions = {
  /** Base of the API, without a trailing slash. */
  url: string;
  token: string | null;
  patience?: Patience;
  /** Told before each further try. */
  onRetry?: (retry: { delayMs: number; cause: Error }) => void;
};

export type Client = ReturnType<typeof createClient>;

/** A typed client of the HTTP contract. Every request is idempotent by design, so that any may be sent again. */
export function createClient({ url, token, patience = defaultPatience, onRetry = () => {} }: ClientOptions) {
  let hasAnswered = false;

  async function send(name: RouteName, request: Sent, etag: string | null): Promise<Answer> {
    for (let failures = 1; ; failures++) {
      const outcome = await exchange(name, request, etag);
      hasAnswered ||= !(outcome instanceof Unreachable);
      if (!(outcome instanceof Error)) return outcome;
      const asked = outcome instanceof ApiProblem ? outcome.retryAfterSeconds : null;
      const tries = hasAnswered && outcome instanceof Unreachable ? patience.triesOnceMet : patience.tries;
      const delayMs = mayHeal(outcome) ? waitAfter({ ...patience, tries }, failures, asked) : null;
      if (delayMs === null) throw outcome;
      onRetry({ delayMs, cause: outcome });
      await patience.sleep(delayMs, request.signal);
    }
  }

  /** One try. An error that is returned, not thrown, is a failure of the exchange itself. */
  async function exchange(name: RouteName, request: Sent, etag: string | null): Promise<Answer | Error> {
    const silence = AbortSignal.timeout(patience.silenceMs);
    try {
      const response = await fetch(addressOf(url, routes[name], request), {
        method: routes[name].method,
        headers: headersOf(token, request, etag),
        body: request.body === undefined ? null : JSON.stringify(request.body),
        redirect: "manual",
        signal: request.signal === undefined ? silence : AbortSignal.any([request.signal, silence]),
      });
      const answer = { status: response.status, headers: response.headers, text: await response.text() };
      return response.ok || response.status === 304 ? answer : problemIn(answer);
    } catch (error) {
      request.signal?.throwIfAborted();
      return new Unreachable(url, error);
    }
  }

  /** Sends one request and answers with its checked reply; throws `ApiProblem` or `Unreachable`. */
  async function call<Name extends RouteName>(
    name: Name,
    request: RequestOf<Name> & CallOptions,
  ): Promise<ReplyOf<Name>> {
    return readReply(name, await send(name, request as Sent, null));
  }

  /** As `call`, but null when the reply is still the one that `etag` names. */
  async function callIfChanged<Name extends RouteName>(
    name: Name,
    request: RequestOf<Name> & CallOptions,
    etag: string | null,
  ): Promise<Tagged<Name> | null> {
    const answer = await send(name, request as Sent, etag);
    if (answer.status === 304) return null;
    const { headers } = answer;
    return { reply: readReply(name, answer), etag: headers.get("etag"), at: readMoment(headers.get("date")) };
  }

  return { url, patience, call, callIfChanged };
}

/** Whether the same request may succeed later. */
function mayHeal(error: Error): boolean {
  if (!(error instanceof ApiProblem)) return error instanceof Unreachable;
  const isAskedAgain = error.retryable && error.retryAfterSeconds !== null; // as for a receipt that is being made
  return isAskedAgain || [429, 502, 503, 504].includes(error.problem.status);
}

function addressOf(url: string, route: Route, { params = {}, query = {} }: Sent): string {
  const path = route.path.replace(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(String((params as Record<string, unknown>)[name])),
  );
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
  const search = new URLSearchParams(
    given.map(([name, value]): [string, string] => [name, String(value)]),
  ).toString();
  return `${url}${path}${search === "" ? "" : `?${search}`}`;
}

function headersOf(token: string | null, { body }: Sent, etag: string | null): Record<string, string> {
  return {
    accept: "application/json, application/problem+json, application/jose",
    ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    ...(body === undefined ? {} : { "content-type": "application/json" }),
    ...(etag === null ? {} : { "if-none-match": etag }),
  };
}

/** The problem that an answer tells of. */
export function problemIn({ status, headers, text }: Answer): ApiProblem {
  const seconds = Number(headers.get("retry-after") ?? Number.NaN);
  return new ApiProblem(readProblem(status, text), Number.isFinite(seconds) ? Math.max(0, seconds) : null);
}

/** Problem details in a body; whoever stands between us and the server answers with other bodies, or with none. */
function readProblem(status: number, text: string): Problem {
  const parsed = Problem.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  const detail = `The server answered with status ${status} and without a reason.`;
  const retryable = status === 429 || status >= 500;
  return {
    type: "about:blank",
    title: `HTTP ${status}`,
    status,
    code: `http_${status}`,
    detail,
    retryable,
    instance: "",
  };
}

function readReply<Name extends RouteName>(name: Name, { text }: Answer): ReplyOf<Name> {
  const { schema } = routes[name].reply;
  if (schema === null) return text as ReplyOf<Name>;
  const parsed = schema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data as ReplyOf<Name>;
  const message = `The server's answer to ${name} is not one that this version of strongroom understands.`;
  throw new LocalProblem("unexpected_reply", message, { cause: parsed.error });
}

function readMoment(text: string | null): Date | null {
  const moment = new Date(text ?? "");
  return Number.isNaN(moment.getTime()) ? null : moment;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
