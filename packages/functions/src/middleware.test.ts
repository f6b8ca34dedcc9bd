import { randomUUID } from "node:crypto";
import { availableParallelism } from "node:os";
import { Readable } from "node:stream";
import { type Route, routes } from "@strongroom/core/api";
import { systemClock } from "@strongroom/core/clock";
import { Refusal } from "@strongroom/core/errors";
import { DocumentId, TenantId } from "@strongroom/core/ids";
import { openTestEdge, type TestEdge, type TestPerson } from "@strongroom/local/test-edge";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { answerWithinMs, startDeadline } from "./deadline.ts";
import type { HttpEvent } from "./gateway.ts";
import { route } from "./middleware.ts";
import { Outage } from "./problem.ts";
import { rateLimits } from "./rate-limit.ts";

let edge: TestEdge;
let driver: TestPerson;
beforeAll(async () => {
  // Time stands, so that no test runs across the end of a rate limit's window, and who waits, waits until called.
  const now = new Date();
  const sleep = (_delayMs: number, signal?: AbortSignal) =>
    new Promise<void>((resolve) => signal?.addEventListener("abort", () => resolve()));
  edge = await openTestEdge({ ...systemClock, now: () => now, sleep });
  driver = await edge.addPerson("driver");
});
afterAll(() => edge.close());
beforeEach(() => void (edge.lines.length = 0));

const me = { id: randomUUID(), tenantId: randomUUID(), name: "Ada", role: "driver", language: "en" } as never;
const showMe = route("showMe", async () => ({ body: me }));
const editMe = route("editMe", async ({ body }) => ({ body: { ...(me as object), ...body } as never }));

function event(change: Partial<HttpEvent> & { ip?: string } = {}): HttpEvent {
  const { ip = "127.0.0.1", ...rest } = change;
  return {
    rawPath: "/v1/me",
    rawQueryString: "",
    headers: {},
    isBase64Encoded: false,
    requestContext: { requestId: randomUUID(), http: { method: "GET", sourceIp: ip } },
    ...rest,
  };
}

async function as(person: TestPerson, change: Partial<HttpEvent> = {}): Promise<HttpEvent> {
  const headers = {
    authorization: await edge.authorization(person),
    "content-type": "application/json",
    ...change.headers,
  };
  return event({ ...change, headers });
}

const announcement = () => ({
  id: edge.ports.ids.uuid(),
  kind: "bill-of-lading",
  files: [{ name: "page.jpg", mediaType: "image/jpeg", sizeBytes: 1, sha256: "0".repeat(64) }],
});

const problemOf = ({ body }: { body: unknown }) => JSON.parse(body as string) as Record<string, unknown>;

describe("who may call", () => {
  test("without a token the answer says how to sign in", async () => {
    const answer = await showMe(event());
    expect(answer).toMatchObject({
      statusCode: 401,
      headers: { "www-authenticate": 'Bearer realm="strongroom"' },
    });
    expect(problemOf(answer)).toMatchObject({ code: "token_missing", retryable: false });
  });

  test("a handler knows who calls, by the user table and not by the token", async () => {
    const seen: unknown[] = [];
    const handler = route("showMe", async ({ actor }) => (seen.push(actor), { body: me }));
    const token = await edge.issuer.issueToken({ ...driver, role: "operator", hours: 1 });
    expect(await handler(event({ headers: { authorization: `Bearer ${token}` } }))).toMatchObject({
      statusCode: 200,
    });
    expect(seen).toEqual([driver]);
  });

  test("a person whom the tenant does not know is refused, though the token is good", async () => {
    const stranger = { ...driver, tenantId: TenantId.parse(randomUUID()) };
    const answer = await showMe(await as(stranger));
    expect(answer.statusCode).toBe(403);
    expect(problemOf(answer)).toMatchObject({ code: "unknown_person" });
  });

  test("a person whose access was switched off is refused", async () => {
    const gone = await edge.addPerson("agent", { disabled: true });
    expect(problemOf(await showMe(await as(gone)))).toMatchObject({ status: 403, code: "disabled" });
  });

  test("a route for other roles is not for this person", async () => {
    const declared = routes.showMe as { access: Route["access"] };
    const everybody = declared.access;
    declared.access = ["agent", "admin"];
    const answers = [await showMe(await as(driver)), await showMe(await as(await edge.addPerson("agent")))];
    declared.access = everybody;
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([403, 200]);
    expect(problemOf(answers[0]!)).toMatchObject({ code: "not_allowed" });
  });

  test("a public route asks nobody who they are, even when the token is bad", async () => {
    const ready = route("showReady", async ({ actor }) => {
      expect(actor).toBeNull();
      return { body: { status: "ready" as const } };
    });
    expect(await ready(event({ headers: { authorization: "Bearer nonsense" } }))).toMatchObject({
      statusCode: 200,
    });
  });

  test("a route by ticket is left to its use-case", async () => {
    const read = route("readDocument", async () =>
      Promise.reject(new Refusal("invalid_ticket", "No.", { status: 403 })),
    );
    const rawPath = `/v1/documents/${edge.ports.ids.uuid()}/content`;
    const answer = await read(event({ rawPath, rawQueryString: "artefact=page-1&ticket=x" }));
    expect(problemOf(answer)).toMatchObject({ status: 403, code: "invalid_ticket" });
  });
});

describe("what a handler is given", () => {
  test("an id in the path is checked and made lower-case", async () => {
    const id = edge.ports.ids.uuid();
    const seen: unknown[] = [];
    const drop = route("dropDevice", async ({ params }) => (seen.push(params.id), {}));
    const answer = await drop(await as(driver, { pathParameters: { id: id.toUpperCase() } }));
    expect(answer).toMatchObject({ statusCode: 204, body: "" });
    expect(seen).toEqual([id]);
  });

  test("behind a function URL, which knows no routes, the id is taken from the path", async () => {
    const id = DocumentId.parse(edge.ports.ids.uuid());
    const seen: unknown[] = [];
    const complete = route(
      "completeUpload",
      async ({ params }) => (seen.push(params.id), Promise.reject(new Refusal("x", "x"))),
    );
    await complete(await as(driver, { rawPath: `/v1/documents/${id}/complete` }));
    expect(seen).toEqual([id]);
  });

  test("an unknown field is named and refused", async () => {
    const answer = await editMe(await as(driver, { body: JSON.stringify({ name: "Bo", admin: true }) }));
    expect(problemOf(answer)).toMatchObject({
      status: 400,
      code: "invalid_request",
      detail: 'The field "admin" is not known here; leave it out.',
      faults: [{ in: "body", field: "admin" }],
    });
  });

  test("a body that is no JSON type is refused before it is read", async () => {
    const answer = await editMe(
      await as(driver, { body: "name=Bo", headers: { "content-type": "application/x-www-form-urlencoded" } }),
    );
    expect(answer.statusCode).toBe(415);
  });

  test("whoever is not signed in learns nothing about fields", async () => {
    expect((await editMe(event({ body: '{"admin":true}' }))).statusCode).toBe(401);
  });
});

describe("answers", () => {
  test("every answer bears the same guards, a refusal too", async () => {
    for (const answer of [await showMe(await as(driver)), await showMe(event())]) {
      expect(answer.headers).toMatchObject({
        "cache-control": "private, no-store",
        "x-content-type-options": "nosniff",
      });
      expect(answer.headers["x-request-id"]).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  test("whoever holds the current ETag is answered 304 without a body, others the whole", async () => {
    const first = await showMe(await as(driver));
    const etag = first.headers["etag"]!;
    expect(etag).toMatch(/^W\/"[\w-]{22}"$/);
    for (const held of [etag, etag.slice(2), `"other", ${etag}`, "*"]) {
      expect(await showMe(await as(driver, { headers: { "if-none-match": held } }))).toMatchObject({
        statusCode: 304,
        body: "",
        headers: { etag },
      });
    }
    expect(await showMe(await as(driver, { headers: { "if-none-match": '"other"' } }))).toMatchObject({
      statusCode: 200,
      body: first.body,
    });
  });

  test("a handler may set its own status, ETag and headers", async () => {
    const handler = route("showMe", async () => ({
      status: 200,
      body: me,
      headers: { etag: '"7-x"', "cache-control": "public" },
    }));
    const answer = await handler(await as(driver));
    expect(answer.headers).toMatchObject({
      etag: '"7-x"',
      "cache-control": "public",
      "content-type": "application/json",
    });
  });

  test("a column that the contract does not name never leaves", async () => {
    const handler = route("showMe", async () => ({
      body: { ...(me as object), passwordHash: "secret" } as never,
    }));
    expect((await handler(await as(driver))).body).not.toContain("secret");
  });

  test("a reply that breaks the contract is our fault", async () => {
    const handler = route("showMe", async () => ({ body: { id: 1 } as never }));
    expect(problemOf(await handler(await as(driver)))).toMatchObject({ status: 500, code: "internal" });
  });
});

describe("refusals and faults", () => {
  test("a refusal is shown as written, with its details and when to come again", async () => {
    const refusal = new Refusal("upload_incomplete", "Page 3 of 3 is missing.", {
      status: 409,
      retryAfterSeconds: 1.2,
      details: { missing: [3], status: 200 },
    });
    const answer = await route("showMe", async () => Promise.reject(refusal))(await as(driver));
    expect(answer).toMatchObject({
      statusCode: 409,
      headers: { "content-type": "application/problem+json", "retry-after": "2" },
    });
    expect(problemOf(answer)).toEqual({
      type: "urn:strongroom:problem:upload_incomplete",
      title: "Upload incomplete",
      status: 409,
      code: "upload_incomplete",
      detail: "Page 3 of 3 is missing.",
      retryable: true,
      instance: answer.headers["x-request-id"],
      missing: [3],
    });
  });

  test("a fault of ours is logged with its cause and tells the caller nothing of it", async () => {
    const fault = new Error("column ssn does not exist", { cause: new Error("at 10.0.0.7") });
    const answer = await route("showMe", async () => Promise.reject(fault))(await as(driver));
    expect(answer.statusCode).toBe(500);
    expect(answer.body).not.toMatch(/ssn|10\.0\.0\.7/);
    expect(edge.lines).toEqual([
      expect.objectContaining({
        event: "http.answered",
        level: "error",
        status: 500,
        error: "Error: column ssn does not exist <- Error: at 10.0.0.7",
      }),
    ]);
  });

  test("a dependency that is down is answered 503 with a time to come again", async () => {
    const down = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
    for (const error of [down, new Outage("keys"), new Error("storing", { cause: down })]) {
      const answer = await route("showMe", async () => Promise.reject(error))(await as(driver));
      expect(answer).toMatchObject({ statusCode: 503, headers: { "retry-after": "5" } });
      expect(problemOf(answer)).toMatchObject({ code: "unavailable", retryable: true });
    }
  });

  test.each(["ENOSPC", "53100"])(
    "a full disk (%s) is answered so too, and is told as what it is",
    async (code) => {
      const full = new Error("storing", { cause: Object.assign(new Error("no room"), { code }) });
      const answer = await route("showMe", async () => Promise.reject(full))(await as(driver));
      expect(answer).toMatchObject({ statusCode: 503, headers: { "retry-after": "5" } });
      expect(problemOf(answer)).toMatchObject({ code: "unavailable", retryable: true });
      const requestId = answer.headers["x-request-id"];
      expect(edge.lines).toEqual([
        expect.objectContaining({ event: "disk.full", level: "error", requestId }),
        expect.objectContaining({ event: "http.answered", level: "error", requestId, code: "unavailable" }),
      ]);
    },
  );

  test("each request leaves one line, without query, token or person", async () => {
    const list = route("listDocuments", async () => ({ body: { documents: [], nextCursor: null } }));
    const request = await as(driver, { rawPath: "/v1/documents", rawQueryString: "search=Kowalski" });
    await list(request);
    expect(edge.lines).toEqual([
      {
        event: "http.answered",
        level: "info",
        at: expect.any(String),
        route: "listDocuments",
        status: 200,
        tookMs: expect.any(Number),
        requestId: expect.any(String),
        tenantId: driver.tenantId,
      },
    ]);
    expect(JSON.stringify(edge.lines)).not.toMatch(/Kowalski|Bearer|127\.0\.0\.1/);
  });
});

test("what changes something waits for as many such requests of its tenant as there are cores; what only reads, and another tenant, does not", async () => {
  const cores = availableParallelism();
  const stranger = await edge.addPerson("driver");
  const open = Promise.withResolvers<void>();
  const begun: string[] = [];
  const slowEdit = route("editMe", async ({ actor }) => {
    begun.push(actor.tenantId);
    await open.promise;
    return { body: me };
  });
  const change = { body: '{"name":"Bo"}' };
  const mine = await Promise.all(Array.from({ length: cores + 1 }, () => as(driver, change)));
  const under = mine.map((asked) => slowEdit(asked));
  await vi.waitFor(() => expect(begun).toHaveLength(cores), 10_000);
  under.push(slowEdit(await as(stranger, change)));
  await vi.waitFor(() => expect(begun).toContain(stranger.tenantId));
  expect(await showMe(await as(driver))).toMatchObject({ statusCode: 200 });
  expect(begun.filter((tenantId) => tenantId === driver.tenantId)).toHaveLength(cores);
  open.resolve();
  const answers = await Promise.all(under);
  expect(answers.map(({ statusCode }) => statusCode)).toEqual(answers.map(() => 200));
});

test("a request that fails makes room as well", async () => {
  const failing = route("editMe", () => Promise.reject(new Error("disk gone")));
  const change = { body: '{"name":"Bo"}' };
  for (let n = 0; n <= availableParallelism(); n += 1)
    expect(await failing(await as(driver, change))).toMatchObject({ statusCode: 500 });
});

describe("deadline", () => {
  test("a grant is answered within two seconds, everything before API Gateway gives up", () => {
    expect(answerWithinMs("acceptUpload")).toBeLessThan(2_000);
    expect(answerWithinMs("listDocuments")).toBeLessThan(30_000);
  });

  test("a grant is refused, not kept waiting, when the database or the work itself never answers", async () => {
    const never = new Promise<never>(() => {});
    const idle = await as(driver, { rawPath: "/v1/documents", body: JSON.stringify(announcement()) });
    const stranded = {
      ...idle,
      headers: { ...idle.headers, authorization: await edge.authorization(await edge.addPerson("driver")) },
    };
    const accept = route("acceptUpload", () => never);
    await showMe(await as(driver)); // now the cache knows this driver, and only this one
    const { inOneTrip } = edge.ports.database;
    edge.ports.database.inOneTrip = () => never;
    const answers = await Promise.all([accept(idle), accept(stranded)]).finally(
      () => (edge.ports.database.inOneTrip = inOneTrip),
    );
    for (const answer of answers)
      expect(answer).toMatchObject({ statusCode: 503, headers: { "retry-after": "5" } });
  });

  test("work that is too late is an outage, and the stream it brings after all is handed over to be dropped", async () => {
    const deadline = startDeadline(1);
    const work = Promise.withResolvers<Readable>();
    const dropped = Promise.withResolvers<Readable>();
    await expect(deadline.bound(work.promise, dropped.resolve)).rejects.toBeInstanceOf(Outage);
    const body = Readable.from(["late"]);
    work.resolve(body);
    expect(await dropped.promise).toBe(body);
  });

  test("work that is in time is given on, and nothing is dropped", async () => {
    const deadline = startDeadline(10_000);
    expect(await deadline.bound(Promise.resolve("done"), () => expect.unreachable())).toBe("done");
    deadline.end();
  });
});

describe("rate limits", () => {
  test("an answer says how much is left for this person", async () => {
    const answer = await showMe(await as(await edge.addPerson("agent")));
    expect(answer.headers["ratelimit-policy"]).toBe(`"person";q=${rateLimits.person};w=60`);
    expect(answer.headers["ratelimit"]).toMatch(new RegExp(`^"person";r=${rateLimits.person - 1};t=\\d+$`));
  });

  test("the request above a person's limit is refused with the time to wait; others go on", async () => {
    const [busy, calm] = [await edge.addPerson("driver"), await edge.addPerson("driver")];
    const request = await as(busy);
    const statuses = new Set<number>();
    for (let sent = 0; sent < rateLimits.person; sent++) statuses.add((await showMe(request)).statusCode);
    expect([...statuses]).toEqual([200]);
    const answer = await showMe(request);
    expect(answer.statusCode).toBe(429);
    expect(answer.headers["ratelimit"]).toMatch(/^"person";r=0;t=\d+$/);
    expect(Number(answer.headers["retry-after"])).toBeGreaterThan(0);
    expect(problemOf(answer)).toMatchObject({ code: "rate_limited", retryable: true });
    expect((await showMe(await as(calm))).statusCode).toBe(200);
  });
});
