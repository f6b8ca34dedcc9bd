import type { AcceptUploadRequest, UploadReply, UploadRequest } from "@strongroom/core/api-shapes";
import { systemIds } from "@strongroom/core/ids";
import { partSizes } from "@strongroom/core/upload/check-declaration";
import type { Fate, Outcome } from "../check/judged-run.ts";
import type { History } from "./history.ts";
import { insist } from "./insist.ts";
import { type Page, type Pages, sha256 } from "./pages.ts";
import type { PlannedDocument } from "./plan.ts";
import { type Answer, sendRequest } from "./send-request.ts";

/** What drivers reach the system by. */
export type Road = {
  /** Of the clients' proxy. */
  port: number;
  host: string;
  history: History;
  pages: Pages;
  random: () => number;
  timeDivisor: number;
  /** Who all go this road. */
  drivers: number;
  /** Aborts when nobody looks any more at what became of their documents. */
  leaving: AbortSignal;
  sleep: (delayMs: number, until?: AbortSignal) => Promise<void>;
};

/** A driver with a token and what they sent. */
export type Driver = { tenantId: string; userId: string; token: string; sent: SentDocument[] };
/** A document and the signed requests of its last grant, as an attacker could have kept them. */
export type SentDocument = {
  id: string;
  pages: Page[];
  fate: Fate;
  request: AcceptUploadRequest;
  state: string;
  replaced: boolean;
  signed: { request: UploadRequest; bytes: Buffer; signedAt: number }[];
};

const partLimitBytes = 16 * 1024 * 1024;
const settled = new Set(["stored", "rejected", "failed"]);
/** Between two looks at a document, ever longer: who sends a hundred documents does not look at each all the time. */
const pollMs = { first: 1_500, most: 10_000 };

/** One request to the API in the driver's name. */
export function call(
  road: Pick<Road, "port" | "host">,
  driver: Pick<Driver, "token">,
  method: string,
  path: string,
  body?: object,
): Promise<Answer | null> {
  const headers = {
    authorization: `Bearer ${driver.token}`,
    accept: "application/json",
    ...(body && { "content-type": "application/json" }),
  };
  const { port, host } = road;
  return sendRequest({
    port,
    host,
    method,
    path,
    headers,
    ...(body && { body: Buffer.from(JSON.stringify(body)) }),
  });
}

/** A 503 leaves open whether it was done; any other refusal is one. */
export function outcomeOf(answer: Answer | null): Outcome {
  if (answer === null || answer.status >= 500) return "unknown";
  return answer.status < 300 ? "ok" : "refused";
}

/** A document on its way: `followed` resolves once its client has seen it at rest, or gave up looking. */
export type Sent = { followed: Promise<void> };

/** One document by one driver, in its manner; resolves when all is sent that ever will be. */
export async function sendDocument(road: Road, driver: Driver, planned: PlannedDocument): Promise<Sent> {
  const { manner } = planned;
  const document = planDocument(road, driver, planned);
  const replies = [accept(road, driver, document.request)];
  if (manner === "twice") replies.push(accept(road, driver, document.request));
  const [reply] = await Promise.all(replies);
  const nothing = { followed: Promise.resolve() };
  if (!reply) return nothing;
  driver.sent.push(document);
  if (manner === "quitter") return nothing;
  if (manner === "tamperer") await tamper(road, document, reply);
  if (manner !== "liar")
    await sendPages(road, driver, document, reply, manner === "half" ? 1 : document.pages.length);
  if (manner === "silent") return nothing;
  if (manner === "twice") await sendAgain(road, driver, document);
  await complete(road, driver, document);
  return manner === "half" || manner === "liar" ? nothing : { followed: follow(road, driver, document) };
}

/** Makes the document's pages and its request, and writes down what it must come to. */
export function planDocument(road: Road, driver: Driver, planned: PlannedDocument): SentDocument {
  const { manner } = planned;
  const before = driver.sent.findLast(({ state, replaced }) => state === "stored" && !replaced);
  const twinOf = manner === "twin" ? before : undefined;
  const replaces = manner === "retake" ? before : undefined;
  if (replaces) replaces.replaced = true;
  const id = systemIds.uuid();
  const pages = twinOf?.pages ?? planned.sorts.map((sort) => road.pages.make(sort));
  const never = manner === "liar" || manner === "half";
  const fate = never ? "never" : (twinOf?.fate ?? fateOf(planned));
  const request = requestOf(id, pages, replaces?.id ?? null);
  const { tenantId: tenant, userId: user } = driver;
  const files = request.files.map(({ sha256: digest, sizeBytes, parts }, index) => ({
    position: index + 1,
    sha256: digest,
    sizeBytes,
    requests: parts?.length ?? 1,
  }));
  road.history.write({ what: "planned", tenant, user, document: id, fate, files });
  return { id, pages, fate, request, state: "planned", replaced: false, signed: [] };
}

function fateOf({ sorts }: PlannedDocument): Fate {
  if (sorts.some((sort) => sort === "text" || sort === "gif")) return "rejected";
  return sorts.includes("cut") ? "kept" : "shown";
}

function requestOf(id: string, pages: Page[], replaces: string | null): AcceptUploadRequest {
  const files = pages.map(({ name, mediaType, bytes }) => {
    const declared = { name, mediaType, sizeBytes: bytes.length, sha256: sha256(bytes) };
    if (bytes.length <= partLimitBytes) return declared;
    let from = 0;
    const parts = partSizes(bytes.length).map((size) => sha256(bytes.subarray(from, (from += size))));
    return { ...declared, parts };
  });
  return {
    id,
    kind: "proof-of-delivery",
    files,
    ...(replaces !== null && { replaces }),
  } as AcceptUploadRequest;
}

/** Announces a document until it is clear what became of that; null when it was refused. */
export async function accept(
  road: Road,
  driver: Driver,
  request: AcceptUploadRequest,
): Promise<UploadReply | null> {
  const answer = await insist(road, async () => {
    const startedMs = performance.now();
    const one = await call(road, driver, "POST", "/v1/documents", request);
    const tookMs = Math.round(performance.now() - startedMs);
    const outcome = outcomeOf(one);
    road.history.write({
      what: "accept",
      document: request.id,
      outcome,
      status: one?.status ?? null,
      tookMs,
    });
    return one;
  });
  return readUploads(answer);
}

const readUploads = (answer: Answer | null): UploadReply | null =>
  answer !== null && answer.status < 300 ? (JSON.parse(answer.body.toString()) as UploadReply) : null;

/** Sends what is asked for, and asks anew for what a signature is too old for. */
export async function sendPages(
  road: Road,
  driver: Driver,
  document: SentDocument,
  first: UploadReply,
  pages: number,
): Promise<void> {
  let reply: UploadReply | null = first;
  while (reply !== null) {
    let again = false;
    for (const { position, requests } of reply.uploads.filter((upload) => upload.position <= pages)) {
      for (const request of requests) {
        const bytes = bytesOf(document, position, request);
        document.signed.push({ request, bytes, signedAt: Date.now() });
        const answer = await insist(road, () => put(road, document, position, request, bytes));
        again ||= answer === null || (answer.status !== 412 && answer.status >= 300);
      }
    }
    if (!again) return;
    reply = readUploads(
      await insist(road, () => call(road, driver, "POST", `/v1/documents/${document.id}/uploads`)),
    );
  }
}

const bytesOf = ({ pages }: SentDocument, position: number, { offset, sizeBytes }: UploadRequest): Buffer =>
  pages[position - 1]!.bytes.subarray(offset, offset + sizeBytes);

/** 412: these bytes, which the signature binds, are there already. */
async function put(
  road: Road,
  { id }: SentDocument,
  position: number,
  request: UploadRequest,
  bytes: Buffer,
): Promise<Answer | null> {
  const answer = await putBytes(road, request, bytes);
  const outcome = answer?.status === 412 ? "ok" : outcomeOf(answer);
  road.history.write({
    what: "put",
    document: id,
    position,
    request: (request.partNumber ?? 1) - 1,
    outcome,
    status: answer?.status ?? null,
  });
  return answer;
}

/** A signed request as it stands, with whatever bytes. */
export async function putBytes(
  { port, host }: Pick<Road, "port" | "host">,
  request: Pick<UploadRequest, "url" | "headers">,
  body: Buffer,
): Promise<Answer | null> {
  const { pathname, search } = new URL(request.url);
  const headers = Object.fromEntries(
    Object.entries(request.headers).filter(
      ([name]) => !["content-length", "host"].includes(name.toLowerCase()),
    ),
  );
  return await sendRequest({ port, host, method: "PUT", path: `${pathname}${search}`, headers, body });
}

/** Other bytes of the same length, under the signature of the right ones. */
async function tamper(road: Road, document: SentDocument, { uploads }: UploadReply): Promise<void> {
  const [file] = uploads;
  const request = file?.requests[0];
  if (!file || !request) return;
  const bytes = Buffer.from(bytesOf(document, file.position, request));
  bytes[bytes.length >> 1]! ^= 1;
  const answer = await putBytes(road, request, bytes);
  const status = answer === null || answer.status >= 500 ? null : answer.status;
  road.history.write({
    what: "hostile",
    document: document.id,
    family: "other bytes",
    attempt: "other bytes",
    status,
  });
}

/** The grant and each page once more, though all went well. */
async function sendAgain(road: Road, driver: Driver, document: SentDocument): Promise<void> {
  await accept(road, driver, document.request);
  for (const { request: signed, bytes } of document.signed.slice(0, 2)) {
    if (signed.partNumber !== null) continue; // a part may be sent again for as long as its upload is open
    const answer = await putBytes(road, signed, bytes);
    const status = answer === null || answer.status >= 500 ? null : answer.status;
    road.history.write({
      what: "hostile",
      document: document.id,
      family: "twice",
      attempt: "the same bytes again",
      status,
    });
  }
}

/** Says that all is sent. */
export async function complete(road: Road, driver: Driver, { id }: SentDocument): Promise<void> {
  await insist(road, async () => {
    const answer = await call(road, driver, "POST", `/v1/documents/${id}/complete`);
    road.history.write({
      what: "complete",
      document: id,
      outcome: outcomeOf(answer),
      status: answer?.status ?? null,
    });
    return answer;
  });
}

/** Looks until the document has come to rest. */
async function follow(road: Road, driver: Driver, document: SentDocument): Promise<void> {
  for (let restMs = pollMs.first; !settled.has(document.state);) {
    await road.sleep(restMs * (0.5 + road.random()), road.leaving);
    if (road.leaving.aborted) return;
    restMs = Math.min(pollMs.most, restMs * 1.5);
    const answer = await call(road, driver, "GET", `/v1/documents/${document.id}`);
    if (answer?.status !== 200) continue;
    const { state, version } = (JSON.parse(answer.body.toString()) as UploadReply).document;
    document.state = state;
    road.history.write({ what: "seen", document: document.id, state, version });
  }
}
