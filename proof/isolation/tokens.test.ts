import { randomUUID } from "node:crypto";
import { type ClaimNames, defaultClaims } from "@strongroom/core/claim-names";
import { systemClock } from "@strongroom/core/clock";
import { handlers } from "@strongroom/functions/handlers";
import { createHttpServer, type HttpServer } from "@strongroom/local/http";
import { openTestEdge, type TestEdge, type TestPerson } from "@strongroom/local/test-edge";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type Answer, openClient } from "./ask.ts";
import { type Operation, readOperations } from "./described-operation.ts";
import { judgeAnswer } from "./judge-answer.ts";
import { badNamedTokens, honestNamedTokens, namedClaims, namedPerson } from "./named-claims.ts";
import { serveKeys, signers, tokenForge } from "./token-forge.ts";
import { badTokens, honestTokens, type Made } from "./tokens-table.ts";

const now = Math.floor(Date.now() / 1_000);
let edge: TestEdge;
let http: HttpServer;
let client: ReturnType<typeof openClient>;
let keys: Awaited<ReturnType<typeof serveKeys>>;
let operations: Operation[];
let driver: TestPerson;
beforeAll(async () => {
  // Time stands, so that a skew of 60 seconds is 60 seconds.
  edge = await openTestEdge({ ...systemClock, now: () => new Date(now * 1_000) });
  keys = await serveKeys();
  driver = await edge.addPerson("driver");
  http = createHttpServer({ handlers, log: edge.ports.log });
  client = openClient((await http.listen({ port: 0 })).url);
  operations = readOperations(
    JSON.parse((await client.ask({ method: "GET", path: "/openapi.json" })).body.toString()),
  );
});
afterAll(async () => {
  client.close();
  await http.close({ graceMs: 0 });
  await Promise.all([edge.close(), keys.close()]);
});

const trust = (path = "", claims: ClaimNames = defaultClaims) =>
  void (edge.ports.config = {
    ...edge.ports.config,
    auth: { issuer: keys.url + path, audience, claims },
  });
const audience = "strongroom";
const forgeFor = ({ tenantId, userId }: TestPerson = driver, path = "") =>
  tokenForge(keys.url + path, audience, { sub: userId, tenant: tenantId }, now);

async function showMe(made: Made, method = "GET", path = "/v1/me"): Promise<Answer> {
  const headers = typeof made === "string" ? { authorization: `Bearer ${made}` } : made;
  return await client.ask({ method, path, headers });
}
const judge = (answer: Answer) =>
  judgeAnswer(
    operations.find(({ name }) => name === "showMe")!,
    answer,
  );
const codeOf = (answer: Answer) => (JSON.parse(answer.body.toString()) as { code: string }).code;

describe("tokens that let a person in", () => {
  test.each(honestTokens)("%s", async (_what, make) => {
    trust();
    const answer = await showMe(make(forgeFor()));
    expect([answer.status, ...judge(answer)]).toEqual([200]);
    expect(JSON.parse(answer.body.toString())).toMatchObject({
      id: driver.userId,
      tenantId: driver.tenantId,
    });
  });
});

/** Sends what lets nobody in: 401, with no word of it in answer or log. */
async function expectRefusal(made: Made): Promise<void> {
  edge.lines.length = 0;
  const answer = await showMe(made);
  expect([answer.status, codeOf(answer), ...judge(answer)]).toEqual([401, "token_invalid"]);
  expect(answer.headers["www-authenticate"]).toBe('Bearer realm="strongroom", error="invalid_token"');
  const words = JSON.stringify(made).match(/[\w-]{40,}/g) ?? [];
  for (const word of words) expect(JSON.stringify(edge.lines) + answer.body.toString()).not.toContain(word);
}

describe("tokens that let nobody in", () => {
  test.each(badTokens)("%s", async (_what, make) => {
    trust();
    await expectRefusal(make(forgeFor()));
  });

  test("are sixty and more", () => {
    expect(badTokens.length).toBeGreaterThanOrEqual(60);
  });

  test("by a header that is larger than any token: it is cut off before it is read", async () => {
    expect(await showMe("x".repeat(20_000))).toMatchObject({ status: 431, body: Buffer.alloc(0) });
  });
});

describe("where the configuration names the claims", () => {
  const forge = () => tokenForge(keys.url, audience, namedPerson(driver), now);

  test.each(honestNamedTokens)("a token comes in: %s", async (_what, make) => {
    trust("", namedClaims);
    const answer = await showMe(make(forge()));
    expect([answer.status, ...judge(answer)]).toEqual([200]);
    expect(JSON.parse(answer.body.toString())).toMatchObject({
      id: driver.userId,
      tenantId: driver.tenantId,
    });
  });

  test.each(badNamedTokens)("a token lets nobody in: %s", async (_what, make) => {
    trust("", namedClaims);
    await expectRefusal(make(forge()));
  });
});

describe("a good token for somebody who may not come in", () => {
  test.each<[string, () => Promise<TestPerson>, string]>([
    ["whom nobody knows", async () => ({ ...driver, userId: randomUUID() as never }), "unknown_person"],
    [
      "whose tenant nobody knows",
      async () => ({ ...driver, tenantId: randomUUID() as never }),
      "unknown_person",
    ],
    [
      "of another tenant under this one",
      async () => ({ ...(await edge.addPerson("admin")), tenantId: driver.tenantId }),
      "unknown_person",
    ],
    ["who was switched off", () => edge.addPerson("admin", { disabled: true }), "disabled"],
  ])("%s is refused by the user table", async (_what, who, code) => {
    trust();
    const answer = await showMe(forgeFor(await who()).token());
    expect([answer.status, codeOf(answer), ...judge(answer)]).toEqual([403, code]);
  });

  test.each([{ role: "admin" }, { roles: ["admin"] }, { "cognito:groups": ["admin"] }, { scope: "admin" }])(
    "the role %j that a token claims counts for nothing",
    async (claim) => {
      trust();
      const { token } = forgeFor();
      expect(JSON.parse((await showMe(token(claim))).body.toString())).toMatchObject({ role: "driver" });
      const deed = await showMe(token(claim), "POST", `/v1/documents/${edge.ports.ids.uuid()}/redrive`);
      expect([deed.status, codeOf(deed)]).toEqual([403, "not_allowed"]);
    },
  );
});

describe("the keys of the issuer", () => {
  test.each(["/broken", "/failing", "/html", "/missing"])(
    "that cannot be had (%s) are our fault, and soon over",
    async (path) => {
      trust(path);
      const answer = await showMe(forgeFor(driver, path).token());
      expect([answer.status, codeOf(answer)]).toEqual([503, "unavailable"]);
      expect(answer.headers["retry-after"]).toBe("5");
      expect(answer.body.toString()).not.toMatch(/\bat |jwks|127\.0\.0\.1/);
    },
  );

  test("that cannot be reached are our fault too", async () => {
    const gone = await serveKeys();
    await gone.close();
    const auth = { issuer: gone.url, audience, claims: defaultClaims };
    edge.ports.config = { ...edge.ports.config, auth };
    const answer = await showMe(
      tokenForge(gone.url, audience, { sub: driver.userId, tenant: driver.tenantId }, now).token(),
    );
    expect([answer.status, codeOf(answer)]).toEqual([503, "unavailable"]);
  });

  test("of which there is none make a token bad", async () => {
    trust("/empty");
    expect((await showMe(forgeFor(driver, "/empty").token())).status).toBe(401);
  });

  test("that the issuer took away are believed for ten minutes at most", async () => {
    trust("/rotating");
    const old = () => forgeFor(driver, "/rotating").token({}, { kid: "retired" }, signers.retired);
    expect((await showMe(old())).status).toBe(200);
    keys.rotate();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 601_000 });
    try {
      expect((await showMe(old())).status).toBe(401);
      expect((await showMe(forgeFor(driver, "/rotating").token())).status).toBe(200);
    } finally {
      vi.useRealTimers();
    }
  });
});
