import { randomUUID } from "node:crypto";
import { systemClock } from "@strongroom/core/clock";
import { openTestEdge, type TestEdge, type TestPerson } from "@strongroom/local/test-edge";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { HttpEvent } from "./gateway.ts";
import { route } from "./middleware.ts";
import { addressOf } from "./origin.ts";
import { rateLimits } from "./rate-limit.ts";

let edge: TestEdge;
let driver: TestPerson;
beforeAll(async () => {
  const now = new Date();
  edge = await openTestEdge({ ...systemClock, now: () => now });
  driver = await edge.addPerson("driver");
});
afterAll(() => edge.close());

const [current, next] = ["ab".repeat(32), "cd".repeat(32)];
const secrets = (...hex: string[]) => {
  const { config } = edge.ports;
  const originSecrets = hex.map((text) => Uint8Array.from(Buffer.from(text, "hex")));
  edge.ports.config = { ...config, secrets: { ...config.secrets, originSecrets } };
};

const me = { id: randomUUID(), tenantId: randomUUID(), name: "Ada", role: "driver", language: "en" } as never;
const showMe = route("showMe", async () => ({ body: me }));
const showReady = route("showReady", async () => ({ body: { status: "ready" as const } }));
const showHealth = route("showHealth", async () => ({
  body: { status: "ok" as const, isolation: null, oldestWaitingMs: null },
}));
const read = route("readDocument", async () => ({ body: "bytes" as never }));

const event = (headers: Record<string, string>, change: Partial<HttpEvent> = {}, sourceIp = "127.0.0.1") => ({
  rawPath: "/v1/me",
  rawQueryString: "",
  headers,
  isBase64Encoded: false,
  requestContext: { requestId: randomUUID(), http: { method: "GET", sourceIp } },
  ...change,
});
async function answerTo(secret: string | undefined) {
  const authorization = await edge.authorization(driver);
  return await showMe(event({ authorization, ...(secret !== undefined && { "x-origin-secret": secret }) }));
}

describe("a request that has to come through the entry", () => {
  test("is served when it bears the secret", async () => {
    secrets(current);
    expect(await answerTo(current)).toMatchObject({ statusCode: 200 });
  });

  test.each([
    ["without a secret", undefined],
    ["with an empty one", ""],
    ["with another one", next],
    ["with one that differs in its last digit", `${current.slice(0, -1)}a`],
    ["with the first half", current.slice(0, 32)],
    ["with the secret twice", `${current},${current}`],
  ])("is refused %s, before anybody asks who calls", async (_how, secret) => {
    secrets(current);
    const answer = await answerTo(secret);
    expect(answer).toMatchObject({
      statusCode: 403,
      headers: { "content-type": "application/problem+json" },
    });
    expect(JSON.parse(answer.body as string)).toMatchObject({ code: "origin", retryable: false });
  });

  test("is served with the old and with the new secret while one replaces the other", async () => {
    secrets(current, next);
    expect((await answerTo(current)).statusCode).toBe(200);
    expect((await answerTo(next)).statusCode).toBe(200);
    expect((await answerTo("ef".repeat(32))).statusCode).toBe(403);
  });

  test("needs none where none is configured", async () => {
    secrets();
    expect((await answerTo(undefined)).statusCode).toBe(200);
    expect((await answerTo(next)).statusCode).toBe(200);
  });

  test("needs it to read a document too, ticket or not", async () => {
    secrets(current);
    const content = {
      rawPath: `/v1/documents/${edge.ports.ids.uuid()}/content`,
      rawQueryString: "artefact=page-1&ticket=x",
    };
    expect((await read(event({}, content))).statusCode).toBe(403);
    expect((await read(event({ "x-origin-secret": current }, content))).statusCode).toBe(200);
  });

  test("needs none to ask whether the cell is ready and healthy: Route 53 goes around the entry on purpose", async () => {
    secrets(current);
    expect((await showReady(event({}))).statusCode).toBe(200);
    expect((await showHealth(event({}))).statusCode).toBe(200);
  });
});

describe("whose request it is", () => {
  const cloudFront = "64.252.0.1";
  const of = (forwarded: string | null, name: "showMe" | "showReady" = "showMe") =>
    addressOf(
      edge.ports,
      name,
      event(forwarded === null ? {} : { "x-forwarded-for": forwarded }, {}, cloudFront),
    );

  test.each([
    ["203.0.113.7", "203.0.113.7"],
    [`203.0.113.7, ${cloudFront}`, "203.0.113.7"],
    ["10.0.0.1, 203.0.113.7", "203.0.113.7"],
    [`10.0.0.1, 203.0.113.7, ${cloudFront}`, "203.0.113.7"],
    ["2001:db8::7", "2001:db8::7"],
    [cloudFront, cloudFront],
    ["", cloudFront],
    [null, cloudFront],
  ])("behind the entry is what CloudFront wrote last: %j", (forwarded, viewer) => {
    secrets(current);
    expect(of(forwarded)).toBe(viewer);
  });

  test("is not believed of a request that need not come through the entry", () => {
    secrets(current);
    expect(of("203.0.113.7", "showReady")).toBe(cloudFront);
    secrets();
    expect(of("203.0.113.7")).toBe(cloudFront);
  });

  test("counts for the limit: one busy viewer does not spend that of others behind the same edge of CloudFront", async () => {
    secrets(current);
    const from = (viewer: string) =>
      showMe(event({ "x-origin-secret": current, "x-forwarded-for": viewer }, {}, cloudFront));
    for (let sent = 0; sent < rateLimits.address; sent++) await from("203.0.113.7");
    expect((await from("203.0.113.7")).statusCode).toBe(429);
    expect((await from("203.0.113.8")).statusCode).toBe(401);
  });
});
