import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type Route, type RouteName, routes } from "@strongroom/core/api";
import { type FileDeclaration, type HoldRequest, ListDocumentsQuery } from "@strongroom/core/api-shapes";
import type { DocumentState } from "@strongroom/core/document/document";
import type { LegibilityReason } from "@strongroom/core/document/rendering";
import type * as z from "zod";
import {
  applyPut,
  contentOf,
  createDocument,
  missingOf,
  type StandInDocument,
  uploadsOf,
  viewOf,
} from "./stand-in-document.ts";

/** What goes wrong with the next request of its kind; each is used once, in order. */
export type Fault =
  /** Answered before the body is read. */
  | { kind: "status"; status: number; headers?: Record<string, string>; body?: string }
  /** The connection is reset once so many bytes of the body came. */
  | { kind: "cut"; afterBytes: number }
  /** Read, and never answered; `onHeld` hears of it. */
  | { kind: "hold"; onHeld: () => void }
  /** Stored, or done, and the answer is lost. */
  | { kind: "lose_answer" };

/** What is done to the next download. */
export type DownloadFault = "altered" | "cut" | "longer";

/** The server that the tests of the command line speak to: the contract over memory, with faults on demand. */
export type StandIn = {
  url: string;
  token: string;
  /** What its clock shows; ours, until somebody sets it. */
  clock: () => Date;
  documents: Map<string, StandInDocument>;
  /** Every PUT that was stored, as `page 1` or `page 1 part 2`. */
  stored: string[];
  /** Every request, as `POST /v1/documents`. */
  requests: string[];
  faults: { put: Fault[]; download: DownloadFault[]; api: Partial<Record<RouteName, Fault[]>> };
  /** What becomes of a complete document at the next look at it. */
  outcome: {
    state: DocumentState;
    reason: string | null;
    detail: string | null;
    legibility: LegibilityReason[][];
  };
  /** Answers of routes that are not about uploads, by the route's name. */
  texts: { receipt: string; keys: { keys: Record<string, string>[] } };
  close(): Promise<void>;
};

type Exchange = { request: IncomingMessage; response: ServerResponse; body: unknown; id: string; url: URL };

/** Starts it on a free port of 127.0.0.1. */
export async function startStandInServer(): Promise<StandIn> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const standIn: StandIn = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token: `token-${randomUUID()}`,
    clock: () => new Date(),
    documents: new Map(),
    stored: [],
    requests: [],
    faults: { put: [], download: [], api: {} },
    outcome: { state: "stored", reason: null, detail: null, legibility: [] },
    texts: { receipt: "", keys: { keys: [] } },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? "/", standIn.url);
    standIn.requests.push(`${request.method} ${url.pathname}`);
    response.setHeader("date", standIn.clock().toUTCString());
    const handled = url.pathname.startsWith("/put/")
      ? handlePut(standIn, request, response, url)
      : handleRoute(standIn, request, response, url);
    handled.catch((error: Error) => {
      if (!response.headersSent) problem(response, 500, "stand_in", error.message);
    });
  });
  return standIn;
}

async function handlePut(
  standIn: StandIn,
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
): Promise<void> {
  const { socket } = request;
  const fault = standIn.faults.put.shift();
  if (fault?.kind === "status") return void response.writeHead(fault.status, fault.headers).end(fault.body);
  const bytes = await readBody(request, fault?.kind === "cut" ? fault.afterBytes : null);
  if (bytes === null) return void socket.resetAndDestroy();
  if (fault?.kind === "hold") return fault.onHeld();
  const [, , id = "", nonce = ""] = url.pathname.split("/");
  const put = applyPut(standIn.documents.get(id), nonce, request, bytes);
  if (put.stored !== null) standIn.stored.push(put.stored);
  if (fault?.kind === "lose_answer") return void socket.resetAndDestroy();
  response
    .writeHead(put.status)
    .end(put.message === null ? "" : `<Error><Message>${put.message}</Message></Error>`);
}

async function handleRoute(
  standIn: StandIn,
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
): Promise<void> {
  const found = findRoute(request.method ?? "", url.pathname);
  if (found === null) return problem(response, 404, "not_found", "There is no such address.");
  const fault = standIn.faults.api[found.name]?.shift();
  if (fault?.kind === "status") return void response.writeHead(fault.status, fault.headers).end(fault.body);
  if (fault?.kind === "cut") return void request.socket.resetAndDestroy();
  const { access, body: schema }: Route = routes[found.name];
  if (typeof access !== "string" && request.headers.authorization !== `Bearer ${standIn.token}`) {
    return problem(response, 401, "not_authenticated", "Your token is not valid here.");
  }
  const text = (await readBody(request, null))?.toString() ?? "";
  const body = schema === undefined ? null : schema.safeParse(JSON.parse(text));
  if (body !== null && !body.success)
    return problem(response, 400, "malformed", `The request is malformed: ${body.error.message}`);
  if (fault?.kind === "hold") return fault.onHeld();
  if (fault?.kind === "lose_answer") request.socket.resetAndDestroy();
  answerRoute(standIn, found.name, { request, response, body: body?.data, id: found.id, url });
}

function answerRoute(standIn: StandIn, name: RouteName, exchange: Exchange): void {
  const { response, id, body } = exchange;
  const document = standIn.documents.get(id);
  switch (name) {
    case "showMe":
      return reply(exchange, name, {
        id: randomUUID(),
        tenantId: randomUUID(),
        name: "Ana Ruiz",
        role: "driver",
        language: "es",
      });
    case "receiptKeys":
      return reply(exchange, name, standIn.texts.keys);
    case "acceptUpload":
      return accept(standIn, exchange, body as { id: string; kind: string; files: FileDeclaration[] });
    case "listDocuments":
      return list(standIn, exchange);
    default:
      if (document === undefined) return problem(response, 404, "not_found", "There is no such document.");
      return answerDocument(standIn, name, exchange, document);
  }
}

function answerDocument(
  standIn: StandIn,
  name: RouteName,
  exchange: Exchange,
  document: StandInDocument,
): void {
  const { response, url, body } = exchange;
  switch (name) {
    case "signUploads":
      return reply(exchange, name, { document: viewOf(document), uploads: uploadsOf(document, standIn.url) });
    case "completeUpload": {
      const missing = missingOf(document);
      if (missing.length > 0)
        return problem(response, 409, "pages_missing", `Page ${missing.join(", ")} is missing.`);
      document.move("received");
      return reply(exchange, name, { document: viewOf(document) });
    }
    case "redriveDocument": {
      if (document.state !== "failed")
        return problem(
          response,
          409,
          "not_failed",
          `It is ${document.state}: only failed ones are redriven.`,
        );
      document.move("received");
      document.timeline.at(-1)!.action = "document.redriven";
      return reply(exchange, name, { document: viewOf(document) });
    }
    case "holdDocument": {
      const { held, reference = null, until = null } = body as HoldRequest;
      const others = document.holds.filter((one) => one.reference !== reference);
      document.holds = held ? [...others, { reference, until }] : others;
      return reply(exchange, name, { document: viewOf(document) });
    }
    case "showDocument":
      reply(exchange, name, { document: viewOf(document) });
      return document.proceed(standIn.outcome);
    case "issueTicket": {
      const { artefact } = body as { artefact: string };
      const ticket = `${standIn.url}/v1/documents/${document.id}/content?artefact=${artefact}&ticket=t`;
      return reply(exchange, name, { url: ticket, expiresAt: new Date(Date.now() + 60_000).toISOString() });
    }
    case "readDocument":
      return download(standIn, exchange, contentOf(document, url.searchParams.get("artefact") ?? ""));
    case "readReceipt":
      return void response.writeHead(200, { "content-type": "application/jose" }).end(standIn.texts.receipt);
    default:
      return problem(response, 404, "not_found", `The stand-in has no ${name}.`);
  }
}

function accept(
  standIn: StandIn,
  exchange: Exchange,
  order: { id: string; kind: string; files: FileDeclaration[] },
): void {
  if (order.kind === "unknown")
    return problem(exchange.response, 422, "kind_unknown", "There is no kind of document called unknown.");
  const known = standIn.documents.get(order.id);
  if (known !== undefined && known.request !== JSON.stringify(order)) {
    return problem(exchange.response, 409, "id_taken", "This id belongs to another request.");
  }
  const document = known ?? createDocument(order, standIn.clock);
  standIn.documents.set(order.id, document);
  reply(exchange, "acceptUpload", { document: viewOf(document), uploads: uploadsOf(document, standIn.url) });
}

/** Two documents per page, so that a few are enough to need a cursor. */
function list(standIn: StandIn, exchange: Exchange): void {
  const { searchParams } = exchange.url;
  const since = searchParams.get("changedSince") ?? "";
  const { code } = ListDocumentsQuery.parse(Object.fromEntries(searchParams));
  const from = Number(searchParams.get("cursor") ?? 0);
  const all = [...standIn.documents.values()].toReversed().map(viewOf);
  const wanted = all.filter(
    (one) =>
      one.changedAt >= since &&
      (searchParams.get("state") ?? one.state) === one.state &&
      (searchParams.get("kind") ?? one.kind) === one.kind &&
      (code === undefined || code === one.confirmationCode),
  );
  const nextCursor = from + 2 < wanted.length ? String(from + 2) : null;
  reply(exchange, "listDocuments", { documents: wanted.slice(from, from + 2), nextCursor });
}

function download(standIn: StandIn, { response }: Exchange, bytes: Buffer): void {
  const fault = standIn.faults.download.shift();
  const body = fault === "longer" ? Buffer.concat([bytes, Buffer.from("x")]) : Buffer.from(bytes);
  if (fault === "altered") body[body.length >> 1]! ^= 1;
  response.writeHead(200, { "content-length": body.length });
  if (fault !== "cut") return void response.end(body);
  response.write(body.subarray(0, body.length >> 1), () => response.destroy());
}

function reply({ request, response }: Exchange, name: RouteName, value: unknown): void {
  const { status, schema } = routes[name].reply;
  const text = JSON.stringify((schema as z.ZodType).parse(value));
  const etag = `"${createHash("sha256").update(text).digest("hex").slice(0, 16)}"`;
  if (request.headers["if-none-match"] === etag) return void response.writeHead(304, { etag }).end();
  response.writeHead(status, { "content-type": "application/json", etag }).end(text);
}

function problem(response: ServerResponse, status: number, code: string, detail: string): void {
  const body = {
    type: `urn:strongroom:${code}`,
    title: code,
    status,
    code,
    detail,
    retryable: status >= 500,
    instance: "stand-in",
  };
  response.writeHead(status, { "content-type": "application/problem+json" }).end(JSON.stringify(body));
}

function findRoute(method: string, path: string): { name: RouteName; id: string } | null {
  for (const [name, route] of Object.entries(routes)) {
    const match = new RegExp(`^${route.path.replace("{id}", "([^/]+)")}$`).exec(path);
    if (match !== null && route.method === method) return { name: name as RouteName, id: match[1] ?? "" };
  }
  return null;
}

/** The body; null when it reached the byte at which it is to be cut. */
async function readBody(request: IncomingMessage, cutAfterBytes: number | null): Promise<Buffer | null> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    pieces.push(piece);
    size += piece.length;
    if (cutAfterBytes !== null && size >= cutAfterBytes) return null;
  }
  return Buffer.concat(pieces);
}
