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
  const of = (headers: Record<string, string>, name: "showMe" | "showReady" = "showMe", from = cloudFront) =>
    addressOf(edge.ports, name, event(headers, {}, from));

  test.each([
    ["203.0.113.7", "203.0.113.7"],
    ["2001:db8::7", "2001:db8::7"],
    ["127.0.0.1", "127.0.0.1"],
    ["203.0.113.7:4711", cloudFront],
    ["anything", cloudFront],
    ["203.0.113.7, 203.0.113.8", cloudFront],
    ["", cloudFront],
  ])("behind the entry is what the entry wrote, if it is an address: %j", (written, viewer) => {
    secrets(current);
    expect(of({ "x-viewer-address": written })).toBe(viewer);
  });

  test("behind the entry is never what the viewer wrote: a function URL leaves of x-forwarded-for nothing else", () => {
    secrets(current);
    expect(of({ "x-forwarded-for": "127.0.0.1" })).toBe(cloudFront);
    const headers = { "x-forwarded-for": "127.0.0.1", "x-viewer-address": "203.0.113.7" };
    expect(of(headers)).toBe("203.0.113.7");
  });

  test("is not believed of a request that need not come through the entry", () => {
    const headers = { "x-forwarded-for": "203.0.113.7", "x-viewer-address": "203.0.113.7" };
    secrets(current);
    expect(of(headers, "showReady")).toBe(cloudFront);
    secrets();
    expect(of(headers)).toBe(cloudFront);
  });

  test.each(["127.0.0.1", "::1", "::ffff:127.0.0.1"])(
    "is nobody's when it comes from this machine, by whose proxy everybody may come, and no entry stands before it: %s",
    (loopback) => {
      secrets();
      expect(of({}, "showMe", loopback)).toBeNull();
      secrets(current);
      expect(of({}, "showMe", loopback)).toBe(loopback);
    },
  );

  test("counts for the limit: one busy viewer does not spend that of others behind the same edge of CloudFront", async () => {
    secrets(current);
    let sent = 0;
    const from = (viewer: string) =>
      showMe(
        event(
          {
            "x-origin-secret": current,
            "x-forwarded-for": `192.0.2.${sent++ % 250}`,
            "x-viewer-address": viewer,
          },
          {},
          cloudFront,
        ),
      );
    while (sent < rateLimits.address) await from("203.0.113.7");
    expect((await from("203.0.113.7")).statusCode).toBe(429);
    expect((await from("203.0.113.8")).statusCode).toBe(401);
  });
});
