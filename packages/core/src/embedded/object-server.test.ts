import { createHash, randomBytes } from "node:crypto";
import { request as httpRequest } from "node:http";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { PutGrant } from "../ports/objects.ts";
import {
  contentsOf,
  type ObjectTestbed,
  openObjectTestbed,
  send,
  type Sent,
  without,
} from "./object-testbed.ts";

let bed: ObjectTestbed;
beforeEach(async () => {
  bed = await openObjectTestbed();
});
afterEach(async () => {
  expect(bed.faults).toEqual([]);
  await bed.close();
});

const bytes = randomBytes(1000);
const other = randomBytes(1000);
const hexOf = (data: Uint8Array) => createHash("sha256").update(data).digest("hex");
const base64Of = (data: Uint8Array) => createHash("sha256").update(data).digest("base64");
const tenant = "11111111-1111-4111-8111-111111111111";
const otherTenant = "22222222-2222-4222-8222-222222222222";
const document = "33333333-3333-7333-8333-333333333333";
const otherDocument = "44444444-4444-7444-8444-444444444444";
const key = `s/${tenant}/${document}/page-1/nonce`;
const grant: PutGrant = {
  key,
  sizeBytes: bytes.length,
  mediaType: "image/jpeg",
  sha256: hexOf(bytes),
  metadata: { document, page: "1" },
  expiresInMs: 300_000,
};

const withHeaders = (request: Sent, headers: Record<string, string>): Sent => ({
  ...request,
  headers: { ...request.headers, ...headers },
});
const withUrl = (request: Sent, change: (url: string) => string): Sent => {
  const url = change(request.url);
  if (url === request.url) throw new Error("the row alters nothing");
  return { ...request, url };
};
const problemOf = (text: string) => JSON.parse(text) as Record<string, unknown>;

const contents = () => contentsOf(bed);

/** Statuses by the kind of forgery; each row alters one thing of a request that would be served. */
type Forgery = [what: string, status: number, forge: (request: Sent) => Sent, body?: Uint8Array];

const forgedPuts: Forgery[] = [
  ["the method is POST", 405, (it) => ({ ...it, method: "POST" })],
  ["the method is DELETE", 405, (it) => ({ ...it, method: "DELETE" })],
  ["the method is GET", 405, (it) => ({ ...it, method: "GET" }), Buffer.alloc(0)],
  ["the key is another", 403, (it) => withUrl(it, (url) => url.replace("nonce", "nonc"))],
  ["the key is in the vault", 403, (it) => withUrl(it, (url) => url.replace("/s/", "/v/"))],
  ["the tenant is another", 403, (it) => withUrl(it, (url) => url.replace(tenant, otherTenant))],
  ["the document is another", 403, (it) => withUrl(it, (url) => url.replace(document, otherDocument))],
  ["the key is in upper case", 403, (it) => withUrl(it, (url) => url.replace("nonce", "NONCE"))],
  ["a letter of the key is escaped", 403, (it) => withUrl(it, (url) => url.replace("nonce", "%6eonce"))],
  ["a slash of the key is escaped", 403, (it) => withUrl(it, (url) => url.replace("/page-1", "%2fpage-1"))],
  ["the key goes up", 403, (it) => withUrl(it, (url) => url.replace("/page-1/", "/page-1/../page-1/"))],
  ["the key goes up, escaped", 403, (it) => withUrl(it, (url) => url.replace("/page-1/", "/%2e%2e/page-1/"))],
  [
    "the key goes up, escaped twice",
    403,
    (it) => withUrl(it, (url) => url.replace("/page-1/", "/%252e%252e/page-1/")),
  ],
  [
    "the key leaves the store",
    403,
    (it) => withUrl(it, (url) => url.replace("/objects/", "/objects/../../../../")),
  ],
  ["the key stays where it is", 403, (it) => withUrl(it, (url) => url.replace("/page-1/", "/./page-1/"))],
  ["a slash is doubled", 403, (it) => withUrl(it, (url) => url.replace("/page-1", "//page-1"))],
  ["the first slash is doubled", 403, (it) => withUrl(it, (url) => url.replace("/objects/", "/objects//"))],
  ["a slash is added to the key", 403, (it) => withUrl(it, (url) => url.replace("?", "/?"))],
  ["a zero byte ends the key", 403, (it) => withUrl(it, (url) => url.replace("?", "%00?"))],
  ["the prefix is in upper case", 403, (it) => withUrl(it, (url) => url.replace("/objects/", "/OBJECTS/"))],
  [
    "the length is one more",
    403,
    (it) => withHeaders(it, { "content-length": "1001" }),
    Buffer.concat([bytes, Buffer.from("x")]),
  ],
  ["the length is one less", 403, (it) => withHeaders(it, { "content-length": "999" }), bytes.subarray(1)],
  ["the length has a zero in front", 403, (it) => withHeaders(it, { "content-length": "01000" })],
  ["the type is another", 403, (it) => withHeaders(it, { "content-type": "text/html" })],
  ["the type is in upper case", 403, (it) => withHeaders(it, { "content-type": "IMAGE/JPEG" })],
  ["the type has a parameter", 403, (it) => withHeaders(it, { "content-type": "image/jpeg; charset=utf-8" })],
  [
    "the checksum is that of other bytes",
    403,
    (it) => withHeaders(it, { "x-amz-checksum-sha256": base64Of(other) }),
    other,
  ],
  ["the checksum is written in hex", 403, (it) => withHeaders(it, { "x-amz-checksum-sha256": hexOf(bytes) })],
  ["the bytes are others of the same length", 400, (it) => it, other],
  [
    "one bit of the bytes is flipped",
    400,
    (it) => it,
    Buffer.from(bytes.map((byte, index) => (index === 500 ? byte ^ 1 : byte))),
  ],
  ["the type is missing", 403, (it) => without(it, "content-type")],
  ["the checksum is missing", 403, (it) => without(it, "x-amz-checksum-sha256")],
  ["if-none-match is missing", 403, (it) => without(it, "if-none-match")],
  ["if-none-match names a tag", 403, (it) => withHeaders(it, { "if-none-match": '"tag"' })],
  ["if-match is added", 403, (it) => withHeaders(it, { "if-match": "*" })],
  ["metadata is missing", 403, (it) => without(it, "x-amz-meta-page")],
  ["metadata is changed", 403, (it) => withHeaders(it, { "x-amz-meta-page": "2" })],
  ["metadata is added", 403, (it) => withHeaders(it, { "x-amz-meta-note": "mine" })],
  [
    "metadata is moved to another name",
    403,
    (it) => withHeaders(without(it, "x-amz-meta-page"), { "x-amz-meta-pag": "1" }),
  ],
  ["an ACL is added", 403, (it) => withHeaders(it, { "x-amz-acl": "public-read" })],
  ["another checksum is added", 403, (it) => withHeaders(it, { "x-amz-checksum-crc32": "AAAAAA==" })],
  ["a copy source is added", 403, (it) => withHeaders(it, { "x-amz-copy-source": "/bucket/key" })],
  ["an encoding is added", 403, (it) => withHeaders(it, { "content-encoding": "gzip" })],
  ["a range is added", 403, (it) => withHeaders(it, { "content-range": "bytes 0-999/2000" })],
  ["a second credential is added", 400, (it) => withHeaders(it, { authorization: "Bearer token" })],
  ["a query parameter is added", 403, (it) => withUrl(it, (url) => `${url}&x-id=PutObject`)],
  ["a query parameter comes first", 403, (it) => withUrl(it, (url) => url.replace("?", "?acl&"))],
  [
    "a query parameter is repeated",
    403,
    (it) => withUrl(it, (url) => `${url}&${/expires=\d+/.exec(url)![0]}`),
  ],
  ["the query is missing", 403, (it) => withUrl(it, (url) => url.replace(/\?.*/, ""))],
  ["the signature is missing", 403, (it) => withUrl(it, (url) => url.replace(/&signature=.*/, ""))],
  [
    "the signature is in upper case",
    403,
    (it) => withUrl(it, (url) => url.replace(/[0-9a-f]{64}$/, (hex) => hex.toUpperCase())),
  ],
  ["the signature is cut", 403, (it) => withUrl(it, (url) => url.slice(0, -1))],
  [
    "the list of signed headers is shorter",
    403,
    (it) => withUrl(without(it, "x-amz-meta-page"), (url) => url.replace(";x-amz-meta-page", "")),
  ],
  [
    "the list of signed headers is in another order",
    403,
    (it) => withUrl(it, (url) => url.replace("content-length;content-type", "content-type;content-length")),
  ],
  [
    "the expiry is pushed by a day",
    403,
    (it) =>
      withUrl(it, (url) => url.replace(/expires=(\d+)/, (_, at) => `expires=${Number(at) + 86_400_000}`)),
  ],
  ["the expiry has a zero in front", 403, (it) => withUrl(it, (url) => url.replace("expires=", "expires=0"))],
  [
    "it is dressed as a part",
    403,
    (it) => withUrl(it, (url) => url.replace("?", `?uploadId=${"0".repeat(32)}&partNumber=1&`)),
  ],
];

describe("forged uploads", () => {
  it.each(forgedPuts)(
    "when %s the answer is %i and the store stays as it is",
    async (_, status, forge, body = bytes) => {
      const request = await bed.objects.signPut(grant);
      const before = await contents();
      const answer = await send(forge(request), body);
      expect(answer.status).toBe(status);
      expect(answer.headers["content-type"]).toBe("application/problem+json");
      const text = expect.stringMatching(/./) as string;
      expect(problemOf(answer.body)).toEqual({ type: text, title: text, status, code: text, detail: text });
      expect(await contents()).toEqual(before);
      expect(bed.stored).toEqual([]);
      // The row was refused for its forgery alone: as signed, the request is served.
      expect((await send(request, bytes)).status).toBe(200);
    },
  );

  it("a signature with any one of its bits flipped is refused", async () => {
    const request = await bed.objects.signPut(grant);
    const signature = Buffer.from(request.url.slice(-64), "hex");
    for (let bit = 0; bit < 256; bit += 1) {
      const flipped = signature.map((byte, index) => (index === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
      const url = request.url.slice(0, -64) + Buffer.from(flipped).toString("hex");
      expect((await send({ ...request, url }, bytes)).status).toBe(403);
    }
    expect(await contents()).toEqual({ objects: [], uploads: [], temp: [] });
  });

  it("a signature of another key is refused", async () => {
    const stranger = await openObjectTestbed();
    const request = await stranger.objects.signPut(grant);
    await stranger.close();
    const url = request.url.replace(/127\.0\.0\.1:\d+/, `127.0.0.1:${bed.port}`);
    expect((await send({ ...request, url }, bytes)).status).toBe(403);
    expect((await contents()).objects).toEqual([]);
  });

  it("a grant is good until its last millisecond and refused from then on", async () => {
    const request = await bed.objects.signPut(grant);
    bed.moveClock(300_000);
    const late = await send(request, bytes);
    expect([late.status, problemOf(late.body)["code"]]).toEqual([403, "expired"]);
    expect((await contents()).objects).toEqual([]);
    bed.moveClock(-5000);
    expect((await send(request, bytes)).status).toBe(200);
  });

  it.each([
    ["the same bytes", bytes],
    ["other bytes", other],
  ])("a replay with %s after acceptance changes nothing", async (_, body) => {
    const request = await bed.objects.signPut(grant);
    expect((await send(request, bytes)).status).toBe(200);
    const before = await contents();
    expect((await send(request, body)).status).toBe(412);
    expect(await contents()).toEqual(before);
  });

  it("a replay after expiry is refused although the object is there", async () => {
    const request = await bed.objects.signPut(grant);
    expect((await send(request, bytes)).status).toBe(200);
    bed.moveClock(300_001);
    expect((await send(request, bytes)).status).toBe(403);
  });

  it("a grant that was cleaned away lets nothing in once it has expired", async () => {
    const request = await bed.objects.signPut(grant);
    await send(request, bytes);
    await bed.objects.remove(key, (await bed.objects.head(key))!.versionId);
    bed.moveClock(300_001);
    expect((await send(request, bytes)).status).toBe(403);
    expect((await contents()).objects).toEqual([]);
  });

  it("of two replays at once one is stored", async () => {
    const request = await bed.objects.signPut(grant);
    const answers = await Promise.all([send(request, bytes), send(request, bytes)]);
    expect(answers.map(({ status }) => status)).toEqual(expect.arrayContaining([200, 412]));
    expect((await contents()).temp).toEqual([]);
  });
});

it("an upload begins when it may: until then nothing of it is kept, and what is refused anyway does not wait", async () => {
  const may = Promise.withResolvers<void>();
  const asked: string[] = [];
  const slow = await openObjectTestbed({ mayBegin: (of) => (asked.push(of), may.promise) });
  const request = await slow.objects.signPut(grant);
  expect((await send({ ...request, method: "GET" }, Buffer.alloc(0))).status).toBe(405);
  expect((await send(without(request, "content-type"), bytes)).status).toBe(403);
  expect(asked).toEqual([]);
  const sending = send(request, bytes);
  while (asked.length === 0) await new Promise((resolve) => setImmediate(resolve));
  expect(asked).toEqual([key]);
  expect(await contentsOf(slow)).toEqual({ objects: [], uploads: [], temp: [] });
  may.resolve();
  expect((await sending).status).toBe(200);
  expect(slow.stored).toEqual([key]);
  expect((await send(request, bytes)).status).toBe(412);
  expect(asked).toEqual([key]);
  await slow.close();
});

it("a client that hangs up before its upload may begin is no fault of ours", async () => {
  const may = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  const slow = await openObjectTestbed({ mayBegin: () => (asked.resolve(), may.promise) });
  const { url, headers } = await slow.objects.signPut(grant);
  const sending = httpRequest(url, { method: "PUT", headers }).on("error", () => {});
  sending.end(bytes); // small: all of it is there before anybody reads it
  await asked.promise;
  const closed = new Promise((resolve) => sending.once("close", resolve));
  sending.destroy();
  await closed;
  await new Promise((resolve) => setTimeout(resolve, 50)); // nothing tells when the other side has heard of it
  may.resolve();
  await slow.close();
  expect([slow.faults, slow.stored]).toEqual([[], []]);
});

describe("forged uploads of parts", () => {
  const content = { mediaType: "application/pdf", metadata: {} };
  const openPart = async () => {
    const { uploadId } = await bed.objects.startParts(key, content);
    const part = {
      key,
      uploadId,
      partNumber: 2,
      sizeBytes: bytes.length,
      sha256: hexOf(bytes),
      expiresInMs: 300_000,
    };
    return { uploadId, request: await bed.objects.signPart(part) };
  };

  const forgedParts: Forgery[] = [
    [
      "the part number is another",
      403,
      (it) => withUrl(it, (url) => url.replace("partNumber=2", "partNumber=3")),
    ],
    [
      "the part number has a zero in front",
      403,
      (it) => withUrl(it, (url) => url.replace("partNumber=2", "partNumber=02")),
    ],
    [
      "the upload is another",
      403,
      (it) => withUrl(it, (url) => url.replace(/uploadId=[0-9a-f]{32}/, `uploadId=${"0".repeat(32)}`)),
    ],
    [
      "the upload id goes up",
      403,
      (it) => withUrl(it, (url) => url.replace(/uploadId=[0-9a-f]{32}/, "uploadId=../../vault")),
    ],
    [
      "the part is used for the whole",
      403,
      (it) => withUrl(it, (url) => url.replace(/uploadId=.*?&partNumber=2&/, "")),
    ],
    [
      "the part is used for the whole with its headers",
      403,
      (it) =>
        withHeaders(
          withUrl(it, (url) => url.replace(/uploadId=.*?&partNumber=2&/, "")),
          { "if-none-match": "*", "content-type": "application/pdf" },
        ),
    ],
    ["the key is another", 403, (it) => withUrl(it, (url) => url.replace("nonce", "other"))],
    ["the tenant is another", 403, (it) => withUrl(it, (url) => url.replace(tenant, otherTenant))],
    ["the document is another", 403, (it) => withUrl(it, (url) => url.replace(document, otherDocument))],
    ["the length is another", 403, (it) => withHeaders(it, { "content-length": "999" }), bytes.subarray(1)],
    ["the checksum is missing", 403, (it) => without(it, "x-amz-checksum-sha256")],
    [
      "the checksum is another",
      403,
      (it) => withHeaders(it, { "x-amz-checksum-sha256": base64Of(other) }),
      other,
    ],
    ["metadata is added", 403, (it) => withHeaders(it, { "x-amz-meta-page": "1" })],
    ["a condition is added", 403, (it) => withHeaders(it, { "if-none-match": "*" })],
    ["the bytes are others of the same length", 400, (it) => it, other],
  ];

  it.each(forgedParts)(
    "when %s the answer is %i and the store stays as it is",
    async (_, status, forge, body = bytes) => {
      const { request } = await openPart();
      const before = await contents();
      expect((await send(forge(request), body)).status).toBe(status);
      expect(await contents()).toEqual(before);
      expect((await send(request, bytes)).status).toBe(200);
    },
  );

  it("a part may name a type, as browsers do for every file", async () => {
    const { uploadId, request } = await openPart();
    expect((await send(withHeaders(request, { "content-type": "image/jpeg" }), bytes)).status).toBe(200);
    expect(await bed.objects.listParts(key, uploadId)).toMatchObject([{ partNumber: 2, sizeBytes: 1000 }]);
  });

  it("a part that comes after its grant expired is refused, and what is there stays", async () => {
    const { request } = await openPart();
    expect((await send(request, bytes)).status).toBe(200);
    const before = await contents();
    bed.moveClock(300_000);
    const late = await send(request, bytes);
    expect([late.status, problemOf(late.body)["code"]]).toEqual([403, "expired"]);
    expect(await contents()).toEqual(before);
  });

  it("a part that comes after its upload was cleaned away is refused", async () => {
    const { uploadId, request } = await openPart();
    await bed.objects.abortParts(key, uploadId);
    expect((await send(request, bytes)).status).toBe(404);
    expect(await contents()).toEqual({ objects: [], uploads: [], temp: [] });
  });

  it("a part that comes twice is the same part, and other bytes under its name are refused", async () => {
    const { uploadId, request } = await openPart();
    expect((await send(request, bytes)).status).toBe(200);
    const [first] = await bed.objects.listParts(key, uploadId);
    expect((await send(request, other)).status).toBe(400);
    expect((await send(request, bytes)).status).toBe(200);
    expect(await bed.objects.listParts(key, uploadId)).toEqual([first]);
  });

  it("a part that comes after its upload is over is refused", async () => {
    const { uploadId, request } = await openPart();
    expect((await send(request, bytes)).status).toBe(200);
    await bed.objects.completeParts(key, uploadId, await bed.objects.listParts(key, uploadId));
    const before = await contents();
    expect((await send(request, bytes)).status).toBe(404);
    expect(await contents()).toEqual(before);
  });

  it("an object is told of when its parts are joined, not when one arrives", async () => {
    const { uploadId, request } = await openPart();
    await send(request, bytes);
    expect(bed.stored).toEqual([]);
    const parts = await bed.objects.listParts(key, uploadId);
    await bed.objects.completeParts(key, uploadId, parts);
    await bed.objects.completeParts(key, uploadId, parts);
    expect(bed.stored).toEqual([key]);
  });
});
