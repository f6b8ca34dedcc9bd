import { randomUUID } from "node:crypto";
import { systemClock } from "@strongroom/core/clock";
import { writeTicket } from "@strongroom/core/document/ticket";
import { DocumentId } from "@strongroom/core/ids";
import { openTestEdge, type TestEdge, type TestPerson } from "@strongroom/local/test-edge";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { HttpAnswer } from "../gateway.ts";
import { rateLimits } from "../rate-limit.ts";
import { handler } from "./read-document.ts";

const now = new Date(); // stands, so that no test runs across the end of a window
let edge: TestEdge;
let reader: TestPerson;
beforeAll(async () => (edge = await openTestEdge({ ...systemClock, now: () => now })));
afterAll(() => edge.close());
beforeEach(async () => void (reader = await edge.addPerson("agent")));

const ticketOf = ({ tenantId, userId }: TestPerson, documentId: DocumentId, expiresAtMs: number) =>
  writeTicket(edge.ports.config.secrets.ticketKey, {
    tenantId,
    userId,
    documentId,
    artefact: "page-1",
    expiresAtMs,
  });

/** Reads a document that is not there, by a ticket of this person: let in, it is answered 404. */
async function read(person: TestPerson, { validForMs = 60_000 } = {}): Promise<HttpAnswer> {
  const id = DocumentId.parse(edge.ports.ids.uuid());
  const ticket = ticketOf(person, id, now.getTime() + validForMs);
  return await handler({
    rawPath: `/v1/documents/${id}/content`,
    rawQueryString: new URLSearchParams({ artefact: "page-1", ticket }).toString(),
    headers: {},
    isBase64Encoded: false,
    requestContext: { requestId: randomUUID(), http: { method: "GET", sourceIp: "127.0.0.1" } },
  });
}

const window = Math.floor(now.getTime() / rateLimits.windowMs);
const keyOf = ({ tenantId, userId }: TestPerson) => `rate:reader:${tenantId}:${userId}:${window}`;
const hasRead = (person: TestPerson, times: number) =>
  edge.ports.cache.set(keyOf(person), String(times), 60_000);

test("whoever reads more than a person may is refused with the time to wait, whatever address they come from; others read on", async () => {
  await hasRead(reader, rateLimits.reader - 1);
  expect((await read(reader)).statusCode).toBe(404);
  const refused = await read(reader);
  expect(refused).toMatchObject({ statusCode: 429 });
  expect(refused.headers["ratelimit"]).toMatch(/^"reader";r=0;t=\d+$/);
  expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
  expect(JSON.parse(refused.body as string)).toMatchObject({ code: "rate_limited", retryable: true });
  const colleague = await edge.addPerson("agent", { tenantId: reader.tenantId });
  expect((await read(colleague)).statusCode).toBe(404);
});

test("a ticket that is over spends nothing of anybody's", async () => {
  expect((await read(reader, { validForMs: 0 })).statusCode).toBe(403);
  expect(await edge.ports.cache.get(keyOf(reader))).toBeNull();
});

test("a read spends nothing of the person's other requests: its ticket did", async () => {
  await read(reader);
  expect(await edge.ports.cache.get(keyOf(reader))).toBe("1");
  expect(await edge.ports.cache.get(keyOf(reader).replace("reader", "person"))).toBeNull();
});
