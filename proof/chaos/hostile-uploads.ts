import type { UploadRequest } from "@strongroom/core/api-shapes";
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

/** What nobody may do with a signed request that is not theirs any more; each attempt and its answer go into the history. */
export async function attackUploads(
  road: Road,
  drivers: Driver[],
  aged: Aged,
  signedUrlMs: number,
): Promise<void> {
  const sent = drivers.flatMap((driver) => driver.sent.map((document) => ({ driver, document })));
  const write = (document: SentDocument, attempt: string, answer: Answer | null) =>
    road.history.write({ what: "hostile", document: document.id, attempt, status: answer?.status ?? null });
  const isOld = ({ document }: (typeof sent)[number]) =>
    document.signed.some(({ signedAt }) => Date.now() - signedAt > signedUrlMs + 1_000);
  const old = sent.filter(isOld);
  const wasCleared = old.filter(({ document }) => aged.cleared.includes(document.id));
  const targets = [
    ...wasCleared.map((one) => ({ ...one, when: "after its staging was cleared" })),
    ...old.slice(0, attacked).map((one) => ({ ...one, when: "after the signature ended" })),
  ];
  for (const { document, when } of targets) {
    const { request, bytes } = document.signed.find(
      ({ signedAt }) => Date.now() - signedAt > signedUrlMs + 1_000,
    )!;
    write(document, `the same bytes ${when}`, await putBytes(road, request, bytes));
    write(document, `other bytes ${when}`, await putBytes(road, request, flipped(bytes)));
  }
  for (const { driver, document } of sent.filter(({ document: { id } }) => aged.expired.includes(id))) {
    const path = `/v1/documents/${document.id}`;
    write(document, "complete after expiry", await call(road, driver, "POST", `${path}/complete`));
    write(document, "sign after expiry", await call(road, driver, "POST", `${path}/uploads`));
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
    for (const [attempt, answer] of await attempts(road, request, bytes, driver, victim))
      road.history.write({
        what: "hostile",
        document: document.id,
        attempt: `${attempt}, ${when}`,
        status: answer?.status ?? null,
      });
    if (when === "before") await sendPages(road, driver, document, reply, document.pages.length);
  }
  const again = await putBytes(road, request, bytes);
  road.history.write({
    what: "hostile",
    document: document.id,
    attempt: "the same bytes again",
    status: again?.status ?? null,
  });
  await complete(road, driver, document);
}

async function attempts(
  road: Road,
  request: UploadRequest,
  bytes: Buffer,
  own: Driver,
  victim: Driver,
): Promise<[string, Answer | null][]> {
  const { url, headers } = request;
  const without = (name: string) =>
    Object.fromEntries(Object.entries(headers).filter(([one]) => one.toLowerCase() !== name));
  const path = new URL(url).pathname + new URL(url).search;
  const plain = (method: string) => sendRequest({ port: road.port, host: road.host, method, path });
  return [
    ["other bytes", await putBytes(road, request, flipped(bytes))],
    ["more bytes", await putBytes(road, request, Buffer.concat([bytes, bytes]))],
    ["fewer bytes", await putBytes(road, request, bytes.subarray(1))],
    [
      "another type",
      await putBytes(road, { url, headers: { ...headers, "content-type": "text/html" } }, bytes),
    ],
    [
      "another checksum",
      await putBytes(
        road,
        { url, headers: { ...headers, "x-amz-checksum-sha256": "A".repeat(43) + "=" } },
        bytes,
      ),
    ],
    ["no condition", await putBytes(road, { url, headers: without("if-none-match") }, bytes)],
    [
      "another tenant",
      await putBytes(road, { url: url.replace(own.tenantId, victim.tenantId), headers }, bytes),
    ],
    [
      "a later end",
      await putBytes(
        road,
        { url: url.replace(/expires=\d+/, `expires=${Date.now() + 9e9}`), headers },
        bytes,
      ),
    ],
    ["into the vault", await putBytes(road, { url: url.replace("/s/", "/v/"), headers }, bytes)],
    ["reading", await plain("GET")],
    ["deleting", await plain("DELETE")],
  ];
}

function flipped(bytes: Buffer): Buffer {
  const other = Buffer.from(bytes);
  other[other.length >> 1]! ^= 1;
  return other;
}
