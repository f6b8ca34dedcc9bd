import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type ServerOptions as TlsOptions } from "node:https";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import type { RouteName } from "@strongroom/core/api";
import { Refusal } from "@strongroom/core/errors";
import type { Log, LogFields } from "@strongroom/core/log";
import type { HttpAnswer } from "@strongroom/functions/gateway";
import type { LoadHandler } from "@strongroom/functions/handlers";
import { asError, commonHeaders, isOurFault, problemAnswer } from "@strongroom/functions/problem";
import { sendAnswer } from "./http-answer.ts";
import { eventFrom, readBody, targetOf } from "./http-event.ts";
import { MethodRefusal, matchRoute } from "./http-routes.ts";

/**
 * Whatever serves a path prefix by itself: it is given every request below `prefix` as it came, before a byte of its body is
 * read, and with `Expect: 100-continue` still open (it calls `response.writeContinue()` if it wants the body).
 */
export type Mount = {
  prefix: string;
  handle(request: IncomingMessage, response: ServerResponse): void | Promise<void>;
};

/** In milliseconds. Uploads share the server, and 16 MiB take ten minutes at 220 kbit/s; bodies for handlers are small. */
export const httpTimeouts = {
  headers: 10_000,
  body: 30_000,
  request: 600_000,
  idle: 60_000,
  keepAlive: 10_000,
};

type Options = {
  handlers: Partial<Record<RouteName, LoadHandler>>;
  mounts?: readonly Mount[];
  log: Log;
  /** Without these only this machine is listened to. */
  tls?: TlsOptions;
  timeouts?: typeof httpTimeouts;
};

export type HttpServer = {
  /** Starts to listen; port 0 takes a free one. Throws a Refusal for an address beyond this machine without TLS. */
  listen(at: { host?: string; port: number }): Promise<{ port: number; url: string }>;
  /** Takes no new connection, lets requests under way finish, and cuts off what still runs after `graceMs`. */
  close(options?: { graceMs?: number }): Promise<void>;
};

/** The handlers of the API behind node:http, as API Gateway runs them on AWS: same events, same answers; and the mounts. */
export function createHttpServer(options: Options): HttpServer {
  const timeouts = options.timeouts ?? httpTimeouts;
  const serving = { ...options, handlers: remembered(options.handlers), timeouts };
  const serverOptions = {
    headersTimeout: timeouts.headers,
    requestTimeout: timeouts.request,
    keepAliveTimeout: timeouts.keepAlive,
    connectionsCheckingInterval: Math.min(1_000, timeouts.headers),
  };
  const server = options.tls
    ? createTlsServer({ ...options.tls, ...serverOptions })
    : createServer(serverOptions);
  server.setTimeout(timeouts.idle);
  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    // A response to a client that is gone fails; there is nobody left to tell.
    response.on("error", () => {});
    // While the server closes, a connection that has become idle would keep it open.
    response.on("close", () => server.listening || setImmediate(() => server.closeIdleConnections()));
    void serve(serving, request, response);
  };
  server.on("request", onRequest);
  server.on("checkContinue", onRequest);
  return {
    listen: ({ host = "127.0.0.1", port }) => listen(server, host, port, options.tls !== undefined),
    close: ({ graceMs = 10_000 } = {}) => close(server, graceMs),
  };
}

type Serving = Options & { timeouts: typeof httpTimeouts };

/** Each handler is asked for once: what the module loader takes to find it again is two per cent of a short request. */
function remembered(handlers: Options["handlers"]): Options["handlers"] {
  const remember = (load: LoadHandler): LoadHandler => {
    let loaded: Awaited<ReturnType<LoadHandler>> | null = null;
    return async () => (loaded ??= await load());
  };
  return Object.fromEntries(Object.entries(handlers).map(([name, load]) => [name, remember(load)]));
}

/** Never rejects: an answer that cannot be sent ends the connection. */
async function serve(options: Serving, request: IncomingMessage, response: ServerResponse): Promise<void> {
  let answer: HttpAnswer | null = null;
  try {
    const mount = options.mounts?.find(({ prefix }) => request.url?.startsWith(prefix));
    if (mount) return await mount.handle(request, response);
    answer = await answerTo(options, request, response);
    await sendAnswer(request, response, answer);
  } catch (error) {
    if (isBrokenOff(request)) return void response.destroy();
    options.log.warn("http.cut", { ...whatWasCut(request, answer), error: asError(error) });
    response.destroy();
  }
}

/** Which request, and of one that streams what it asked for: without the ticket. Mounts may have credentials in their path. */
function whatWasCut({ url = "" }: IncomingMessage, answer: HttpAnswer | null): LogFields {
  const requestId = answer?.headers["x-request-id"];
  if (!(answer?.body instanceof Readable)) return { requestId };
  const [path, query] = url.split("?");
  return { requestId, path, artefact: new URLSearchParams(query).get("artefact") };
}

async function answerTo(
  options: Serving,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<HttpAnswer> {
  try {
    const { path } = targetOf(request);
    const match = matchRoute(request.method, path);
    const load = options.handlers[match.name];
    if (!load) throw new Refusal("not_found", "This is not served here.", { status: 404 });
    const body = await readBody(request, response, options.timeouts.body);
    return await (await load()).handler(eventFrom(request, match, body));
  } catch (error) {
    if (isBrokenOff(request)) throw error;
    return refuse(options.log, error);
  }
}

/** The client hung up within its request: its doing, and there is nobody to answer. */
function isBrokenOff(request: IncomingMessage): boolean {
  return request.destroyed && !request.complete;
}

/** What the gateway refuses itself; a handler refuses by its answer. */
function refuse(log: Log, error: unknown): HttpAnswer {
  const requestId = randomUUID();
  const answer = problemAnswer(error, requestId);
  if (isOurFault(error)) log.error("http.failed", { requestId, error: asError(error) });
  else log.info("http.refused", { requestId, status: answer.statusCode });
  const allow = error instanceof MethodRefusal ? { allow: error.allow } : {};
  return { ...answer, headers: { ...commonHeaders(requestId), ...answer.headers, ...allow } };
}

async function listen(
  server: Server,
  host: string,
  port: number,
  hasTls: boolean,
): Promise<{ port: number; url: string }> {
  if (!hasTls && !["127.0.0.1", "::1", "localhost"].includes(host)) {
    throw new Refusal(
      "tls_required",
      `Without TLS only this machine may connect; ${host} is beyond it. Give a certificate, or use 127.0.0.1.`,
    );
  }
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, () => {
      server.off("error", reject);
      resolve();
    });
  });
  const bound = (server.address() as AddressInfo).port;
  const name = host.includes(":") ? `[${host}]` : host;
  return { port: bound, url: `${hasTls ? "https" : "http"}://${name}:${bound}` };
}

async function close(server: Server, graceMs: number): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const cutOff = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(cutOff);
}
