import { withClient } from "@strongroom/core/database/roles";
import { handlers } from "@strongroom/functions/handlers";
import { searchesAtOnce } from "@strongroom/functions/search-places";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { createHttpServer, type HttpServer } from "./http.ts";
import { openTestEdge, type TestEdge, type TestPerson } from "./test-edge.ts";

let edge: TestEdge;
let server: HttpServer;
let url: string;
let driver: TestPerson;
beforeAll(async () => {
  edge = await openTestEdge();
  driver = await edge.addPerson("driver");
  server = createHttpServer({ handlers, log: edge.ports.log });
  ({ url } = await server.listen({ port: 0 }));
});
afterAll(async () => {
  await server.close();
  await edge.close();
});

async function call(
  method: string,
  path: string,
  { person, body, headers }: { person?: TestPerson; body?: unknown; headers?: Record<string, string> } = {},
) {
  const response = await fetch(url + path, {
    method,
    headers: {
      ...(person && { authorization: await edge.authorization(person) }),
      ...(body !== undefined && { "content-type": "application/json" }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text === "" ? null : (JSON.parse(text) as Record<string, unknown>),
  };
}

/** The first that are answered. */
function firstOf<T>(all: Promise<T>[], count: number): Promise<T[]> {
  const { promise, resolve, reject } = Promise.withResolvers<T[]>();
  const answered: T[] = [];
  for (const one of all) one.then((answer) => answered.push(answer) === count && resolve(answered), reject);
  return promise;
}

describe("the API over HTTP, with its database", () => {
  test("tells a person who they are, and what they change is told from then on", async () => {
    const before = await call("GET", "/v1/me", { person: driver });
    expect(before).toMatchObject({
      status: 200,
      body: { id: driver.userId, tenantId: driver.tenantId, role: "driver" },
    });
    expect(await call("PUT", "/v1/me", { person: driver, body: { language: "pl" } })).toMatchObject({
      status: 200,
      body: { language: "pl" },
    });
    const after = await call("GET", "/v1/me", {
      person: driver,
      headers: { "if-none-match": before.headers.get("etag")! },
    });
    expect(after).toMatchObject({ status: 200, body: { language: "pl" } });
    const again = await call("GET", "/v1/me", {
      person: driver,
      headers: { "if-none-match": after.headers.get("etag")! },
    });
    expect(again).toMatchObject({ status: 304, body: null });
  });

  test("knows only the documents of one's own tenant: a foreign id is not found", async () => {
    expect(await call("GET", "/v1/documents", { person: driver })).toMatchObject({
      status: 200,
      body: { documents: [], nextCursor: null },
    });
    const path = `/v1/documents/${edge.ports.ids.uuid()}`;
    expect(await call("GET", path, { person: driver })).toMatchObject({
      status: 404,
      body: { code: "not_found" },
    });
  });

  test("refuses whoever has not signed in, on every route that is not public", async () => {
    for (const [method, path] of [
      ["GET", "/v1/me"],
      ["GET", "/v1/documents"],
      ["POST", "/v1/documents"],
      ["GET", "/v1/kinds"],
    ] as const) {
      expect(await call(method, path), path).toMatchObject({ status: 401, body: { code: "token_missing" } });
    }
  });

  test("describes itself to anybody, and caches may keep that", async () => {
    const { status, headers, body } = await call("GET", "/openapi.json");
    expect(status).toBe(200);
    expect(headers.get("cache-control")).toBe("public, max-age=300");
    expect(body).toMatchObject({ openapi: "3.1.0", servers: [{ url: edge.ports.config.publicUrl }] });
  });

  test("is ready while its database is", async () => {
    expect(await call("GET", "/ready")).toMatchObject({ status: 200, body: { status: "ready" } });
  });

  test("is not ready, and says when to come again, once the database is gone", async () => {
    const ping = edge.ports.database.ping;
    edge.ports.database.ping = () => Promise.reject(new Error("gone"));
    const answer = await call("GET", "/ready").finally(() => (edge.ports.database.ping = ping));
    expect(answer).toMatchObject({ status: 503, body: { code: "unavailable", retryable: true } });
    expect(answer.headers.get("retry-after")).toBe("5");
  });

  test("leaves others their connections while one company's searches take long, and tells that one to search again later", async () => {
    const stranger = await edge.addPerson("driver");
    const search = () => call("GET", "/v1/documents?search=pallet", { person: driver });
    await withClient(edge.superuser, async (client) => {
      await client.query("begin; lock table document");
      const searches = Array.from({ length: searchesAtOnce + 3 }, search);
      const held = `select count(*)::int as waiting from pg_locks join pg_database here on here.oid = database
        where not granted and datname = current_database()`;
      const areHeld = async () =>
        expect((await client.query(held)).rows).toEqual([{ waiting: searchesAtOnce }]);
      await vi.waitFor(areHeld, 10_000);
      for (const person of [stranger, driver])
        expect(await call("GET", "/v1/kinds", { person })).toMatchObject({ status: 200 });
      for (const refused of await firstOf(searches, 3)) {
        expect(refused).toMatchObject({ status: 429, body: { code: "too_many_searches", retryable: true } });
        expect(refused.headers.get("retry-after")).toBe("5");
      }
      await areHeld();
      await client.query("commit");
      const statuses = (await Promise.all(searches)).map(({ status }) => status);
      expect(statuses.filter((status) => status === 200)).toHaveLength(searchesAtOnce);
    });
    expect(await search()).toMatchObject({ status: 200 });
  });
});
