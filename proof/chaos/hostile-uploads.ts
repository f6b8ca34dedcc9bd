import type { UploadRequest } from "@strongroom/core/api-shapes";
import type { HostileFamily } from "../check/demands.ts";
import type { Aged } from "./age-documents.ts";
import {
  accept,
  call,
  complete,
  type Driver,
  putBytes,
  type Road,
  sendPages,
  type SentDocument,
} from "./driver.ts";
import { type Answer, sendRequest } from "./send-request.ts";

/** How many documents of each sort are attacked. */
const attacked = 12;

/** What was tried of which family, and what came of it. */
type Attempt = [HostileFamily, string, Answer | null];

function tell(road: Road, { id }: SentDocument, [family, attempt, answer]: Attempt): void {
  road.history.write({ what: "hostile", document: id, family, attempt, status: answer?.status ?? null });
}

/** What nobody may do with a signed request that is not theirs any more; each attempt and its answer go into the history. */
export async function attackUploads(
  road: Road,
  drivers: Driver[],
  aged: Aged,
  signedUrlMs: number,
): Promise<void> {
  const sent = drivers.flatMap((driver) => driver.sent.map((document) => ({ driver, document })));
  const isOld = ({ document }: (typeof sent)[number]) =>
    document.signed.some(({ signedAt }) => Date.now() - signedAt > signedUrlMs + 1_000);
  const old = sent.filter(isOld);
  const wasCleared = old.filter(({ document }) => aged.cleared.includes(document.id));
  const targets = [
    ...wasCleared.map((one) => ({
      ...one,
      family: "after cleanup" as const,
      when: "after its staging was cleared",
    })),
    ...old
      .slice(0, attacked)
      .map((one) => ({ ...one, family: "after expiry" as const, when: "after the signature ended" })),
  ];
  for (const { document, family, when } of targets) {
    const told = (attempt: string, answer: Answer | null) =>
      tell(road, document, [family, `${attempt} ${when}`, answer]);
    const { request, bytes } = document.signed.find(
      ({ signedAt }) => Date.now() - signedAt > signedUrlMs + 1_000,
    )!;
    told("the same bytes", await putBytes(road, request, bytes));
    told("other bytes", await putBytes(road, request, flipped(bytes)));
  }
  for (const { driver, document } of sent.filter(({ document: { id } }) => aged.expired.includes(id))) {
    const path = `/v1/documents/${document.id}`;
    const ask = (what: string) => call(road, driver, "POST", `${path}/${what}`);
    tell(road, document, ["after expiry", "complete after expiry", await ask("complete")]);
    tell(road, document, ["after expiry", "sign after expiry", await ask("uploads")]);
  }
}

/** A grant that expired and is taken up again by the same request: every page goes up under a new signature. */
export async function reviveOne(road: Road, drivers: Driver[], { expired }: Aged): Promise<void> {
  for (const driver of drivers) {
    const document = driver.sent.find(({ id, fate }) => expired.includes(id) && fate !== "never");
    if (!document) continue;
    const reply = await accept(road, driver, document.request);
    if (reply) await sendPages(road, driver, document, reply, document.pages.length);
    return await complete(road, driver, document);
  }
}

/** A new document, and all that can be wrong about a request while its signature is good: before and after the right one. */
export async function attackFreshUpload(
  road: Road,
  driver: Driver,
  victim: Driver,
  document: SentDocument,
): Promise<void> {
  const reply = await accept(road, driver, document.request);
  const request = reply?.uploads[0]?.requests[0];
  if (!reply || !request) throw new Error("a document without faults was not accepted");
  const { bytes } = document.pages[0]!;
  driver.sent.push(document);
  for (const when of ["before", "after"]) {
    for (const [family, attempt, answer] of await attempts(road, request, bytes, driver, victim))
      tell(road, document, [family, `${attempt}, ${when}`, answer]);
    if (when === "before") await sendPages(road, driver, document, reply, document.pages.length);
  }
  tell(road, document, ["twice", "the same bytes again", await putBytes(road, request, bytes)]);
  await complete(road, driver, document);
}

async function attempts(
  road: Road,
  { url, headers }: UploadRequest,
  bytes: Buffer,
  own: Driver,
  victim: Driver,
): Promise<Attempt[]> {
  const without = (name: string) =>
    Object.fromEntries(Object.entries(headers).filter(([one]) => one.toLowerCase() !== name));
  const path = new URL(url).pathname + new URL(url).search;
  const plain = (method: string) => sendRequest({ port: road.port, host: road.host, method, path });
  const put = (to: string, more: Record<string, string> = {}) =>
    putBytes(road, { url: to, headers: { ...headers, ...more } }, bytes);
  const send = (body: Buffer) => putBytes(road, { url, headers }, body);
  const otherSum = { "x-amz-checksum-sha256": `${"A".repeat(43)}=` };
  const bare = { url, headers: without("if-none-match") };
  return [
    ["other bytes", "other bytes", await send(flipped(bytes))],
    ["size", "more bytes", await send(Buffer.concat([bytes, bytes]))],
    ["size", "fewer bytes", await send(bytes.subarray(1))],
    ["type", "another type", await put(url, { "content-type": "text/html" })],
    ["checksum", "another checksum", await put(url, otherSum)],
    ["more", "no condition", await putBytes(road, bare, bytes)],
    ["tenant", "another tenant", await put(url.replace(own.tenantId, victim.tenantId))],
    ["more", "a later end", await put(url.replace(/expires=\d+/, `expires=${Date.now() + 9e9}`))],
    ["key", "another key", await put(url.replace(/[0-9a-f]{32}(?=\?)/, "0".repeat(32)))],
    ["key", "into the vault", await put(url.replace("/s/", "/v/"))],
    ["more", "reading", await plain("GET")],
    ["more", "deleting", await plain("DELETE")],
  ];
}

function flipped(bytes: Buffer): Buffer {
  const other = Buffer.from(bytes);
  other[other.length >> 1]! ^= 1;
  return other;
}
