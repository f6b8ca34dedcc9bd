import { randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import middy from "@middy/core";
import { type Route, type RouteName, routes } from "@strongroom/core/api";
import { isDiskFull } from "@strongroom/core/ports/disk-full";
import { jsonLog } from "@strongroom/core/log";
import type { Ports } from "@strongroom/core/ports/ports";
import { findActor } from "@strongroom/core/user/find-actor";
import type { Actor } from "@strongroom/core/user/user";
import type * as z from "zod";
import { answerWith, type Reply } from "./answer.ts";
import { checkRole, verifyCaller } from "./authenticate.ts";
import { answerWithinMs, type Deadline, startDeadline } from "./deadline.ts";
import type { HttpAnswer, HttpEvent, RouteHandler } from "./gateway.ts";
import { addressOf, checkOrigin } from "./origin.ts";
import { parseRequest } from "./parse-request.ts";
import { connectedPorts } from "./ports.ts";
import { asError, commonHeaders, isOurFault, problemAnswer, refusalOf } from "./problem.ts";
import { limitAddress, limitPerson, type Rate, rateHeaders, RateRefusal } from "./rate-limit.ts";
import { enterSearch } from "./search-places.ts";
import { type Leave, TenantPlaces } from "./tenant-places.ts";

type Part<Name extends RouteName, Key extends "params" | "query" | "body"> =
  (typeof routes)[Name] extends Record<Key, infer Schema extends z.ZodType>
    ? z.infer<Schema>
    : Record<string, never>;
type ReplyBody<Name extends RouteName> = (typeof routes)[Name]["reply"]["schema"] extends infer Schema extends
  z.ZodType
  ? z.input<Schema>
  : string | Uint8Array | Readable;

/** What a handler of a route is given: believed, since parsed; an actor unless the route is public or goes by ticket. */
export type Input<Name extends RouteName> = {
  ports: Ports;
  actor: (typeof routes)[Name]["access"] extends readonly string[] ? Actor : null;
  params: Part<Name, "params">;
  query: Part<Name, "query">;
  body: Part<Name, "body">;
  /** Lower-case names. */
  headers: HttpEvent["headers"];
  requestId: string;
};

/** A handler of a route: calls its use-case, gives back what to answer. */
export type Handle<Name extends RouteName> = (input: Input<Name>) => Promise<Reply<ReplyBody<Name>>>;

/** One request on its way through the chain; it takes the place of the event and is filled from step to step. */
type Call = {
  event: HttpEvent;
  startedMs: number;
  deadline: Deadline;
  requestId: string;
  ports: Ports | null;
  actor: Actor | null;
  rate: Rate | null;
  leave: Leave | null;
  isClosed: boolean;
  parsed: ReturnType<typeof parseRequest>;
};
type Step = (call: Call & { ports: Ports }) => Promise<void> | void;

/**
 * The one chain that every handler goes through: open, check the way it came, limit the address, authenticate, limit the person, parse, take a
 * place, handle, answer. Whatever is thrown becomes problem details; each request leaves one log line. It never rejects.
 */
export function route<Name extends RouteName>(name: Name, handle: Handle<Name>): RouteHandler {
  const declared: Route = routes[name];
  const chain = middy<HttpEvent, HttpAnswer>(async (event: HttpEvent) => {
    const call = callOf(event);
    const { ports, actor, parsed, requestId } = call;
    const input = { ports, actor, ...parsed, headers: call.event.headers, requestId } as Input<Name>;
    return answerWith(
      declared,
      await call.deadline.bound(handle(input), dropBody),
      call.event.headers["if-none-match"],
    );
  })
    .use(opening(name))
    .use(step((call) => checkOrigin(call.ports, name, call.event)))
    .use(step((call) => admitAddress(call, name)))
    .use(step((call) => admit(call, declared.access)))
    .use(step((call) => void (call.parsed = parseRequest(declared, call.event))))
    .use(step((call) => takePlace(call, name)));
  return (event, context) => chain(event, context!);
}

/** First in and last out: makes the call, connects the ports, turns errors into problems, stamps and logs the answer. */
function opening(name: RouteName): middy.MiddlewareObj<HttpEvent, HttpAnswer> {
  return {
    before: async (request) => {
      const call = newCall(name, request.event);
      request.event = call as never;
      call.ports = await call.deadline.bound(connectedPorts());
    },
    after: (request) => close(name, callOf(request.event), request.response!, null),
    onError: (request) => {
      const call = callOf(request.event);
      if (request.error instanceof RateRefusal) call.rate = request.error.rate;
      return close(name, call, problemAnswer(request.error, call.requestId), request.error);
    },
  };
}

/** A middleware that works on the call, within its deadline. */
function step(work: Step): middy.MiddlewareObj<HttpEvent, HttpAnswer> {
  return {
    before: async (request) => {
      const call = callOf(request.event);
      await call.deadline.bound((async () => work(call))());
    },
  };
}

async function admitAddress(call: Call & { ports: Ports }, name: RouteName): Promise<void> {
  const address = addressOf(call.ports, name, call.event);
  if (address !== null) call.rate = await limitAddress(call.ports, address);
}

async function admit(call: Call & { ports: Ports }, access: Route["access"]): Promise<void> {
  if (typeof access === "string") return; // public, or a ticket that the use-case itself checks
  call.actor = await findActor(
    call.ports,
    await verifyCaller(call.ports, call.event.headers["authorization"]),
  );
  call.rate = await limitPerson(call.ports, call.actor);
  checkRole(call.actor, access);
}

const places = new TenantPlaces();
/** A quarter of what the route has to answer in, and a second at most: the work needs the rest. */
const patienceMs = (name: RouteName): number => Math.min(1_000, answerWithinMs(name) / 4);

/** What changes something costs most, and is sent by machines; a page that somebody looks at asks for much at once, and searches once. */
async function takePlace(call: Call & { ports: Ports }, name: RouteName): Promise<void> {
  const { ports, actor } = call;
  if (actor === null) return;
  const isSearch = name === "listDocuments" && call.parsed.query["search"] !== undefined;
  if (routes[name].method === "GET" && !isSearch) return;
  const leave = isSearch
    ? await enterSearch(ports, actor)
    : await places.enter(ports, actor.tenantId, patienceMs(name));
  if (call.isClosed) leave();
  else call.leave = leave;
}

function newCall(name: RouteName, event: HttpEvent): Call {
  return {
    event,
    startedMs: performance.now(),
    deadline: startDeadline(answerWithinMs(name)),
    requestId: event.requestContext.requestId || randomUUID(),
    ports: null,
    actor: null,
    rate: null,
    leave: null,
    isClosed: false,
    parsed: { params: {}, query: {}, body: {} },
  };
}

/** The first middleware puts the call in the event's place: Lambda's event is only a way to bring it. */
const callOf = (event: HttpEvent) => event as unknown as Call & { ports: Ports };

function close(name: RouteName, call: Call, answer: HttpAnswer, error: unknown): HttpAnswer {
  call.deadline.end();
  call.isClosed = true;
  call.leave?.();
  const headers = { ...answer.headers, ...(call.rate && rateHeaders(call.rate)) };
  const stamped = { ...answer, headers: { ...commonHeaders(call.requestId), ...headers } };
  logAnswer(name, call, stamped.statusCode, error);
  return stamped;
}

function logAnswer(name: RouteName, call: Call, status: number, error: unknown): void {
  const log = call.ports?.log ?? jsonLog({ process: "functions" });
  const fields = {
    route: name,
    status,
    tookMs: Math.round(performance.now() - call.startedMs),
    requestId: call.requestId,
    tenantId: call.actor?.tenantId ?? null,
  };
  if (error === null) return log.info("http.answered", fields);
  const code = refusalOf(error).refusal.code;
  if (!isOurFault(error)) return log.info("http.answered", { ...fields, code });
  if (isDiskFull(error)) log.error("disk.full", { requestId: call.requestId, error: asError(error) });
  log.error("http.answered", { ...fields, code, error: asError(error) });
}

/** A stream that nobody will read any more holds a connection to the store. */
function dropBody({ body }: Reply): void {
  if (body instanceof Readable) body.destroy();
}
