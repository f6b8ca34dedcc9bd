import { randomUUID } from "node:crypto";
import { chmod, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TenantId, UserId } from "@strongroom/core/ids";
import { silentLog } from "@strongroom/core/log";
import { decodeJwt, decodeProtectedHeader } from "jose";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createHttpServer, type HttpServer } from "./http.ts";
import { openIssuer } from "./issuer.ts";

const person = { tenantId: TenantId.parse(randomUUID()), userId: UserId.parse(randomUUID()) };
const at = { issuer: "http://127.0.0.1:7010/issuer", audience: "strongroom" };
let dataDirectory: string;
beforeEach(async () => void (dataDirectory = await mkdtemp(join(tmpdir(), "strongroom-issuer-"))));
afterEach(() => rm(dataDirectory, { recursive: true }));

test("a token names issuer, audience, person, tenant and a lifetime, and is of the type of access tokens", async () => {
  const issuer = await openIssuer({ dataDirectory, ...at });
  const token = await issuer.issueToken({ ...person, role: "agent", hours: 2 });
  expect(decodeProtectedHeader(token)).toEqual({ alg: "ES256", typ: "at+jwt", kid: expect.any(String) });
  const claims = decodeJwt(token);
  expect(claims).toEqual({
    iss: at.issuer,
    aud: at.audience,
    sub: person.userId,
    tenant: person.tenantId,
    role: "agent",
    jti: expect.any(String),
    iat: expect.any(Number),
    exp: expect.any(Number),
  });
  expect(Math.abs(claims.exp! - claims.iat! - 7_200)).toBeLessThanOrEqual(1);
  expect(decodeJwt(await issuer.issueToken({ ...person, hours: 1 })).jti).not.toBe(claims.jti);
});

test("a token names person and tenant where they are looked for, and its subject is the person unless that is the tenant's", async () => {
  const claimsOf = async (user: string, tenant: string) => {
    const issuer = await openIssuer({ dataDirectory, ...at, claims: { user, tenant } });
    return decodeJwt(await issuer.issueToken({ ...person, role: "agent", hours: 1 }));
  };
  const { userId, tenantId } = person;
  const named = await claimsOf("oid", "https://example.com/tenant");
  expect(named).toMatchObject({ sub: userId, oid: userId, "https://example.com/tenant": tenantId });
  expect(named).not.toHaveProperty("tenant");
  expect(await claimsOf("tenant", "sub")).toMatchObject({ tenant: userId, sub: tenantId });
  expect(await claimsOf("sub", "role")).toMatchObject({ sub: userId, role: tenantId });
});

describe("the key", () => {
  const kidOf = async () =>
    decodeProtectedHeader(
      await (await openIssuer({ dataDirectory, ...at })).issueToken({ ...person, hours: 1 }),
    ).kid;

  test("is the same after a restart, and for two that start at once", async () => {
    const kids = await Promise.all([kidOf(), kidOf(), kidOf()]);
    expect(new Set([...kids, await kidOf()]).size).toBe(1);
  });

  test("is for its owner alone, and one that others may read is not used", async () => {
    await kidOf();
    const path = join(dataDirectory, "issuer-key.json");
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    await chmod(path, 0o644);
    await expect(kidOf()).rejects.toThrow(/others might read it/);
  });
});

describe("over HTTP", () => {
  let server: HttpServer;
  let url: string;
  beforeEach(async () => {
    const issuer = await openIssuer({ dataDirectory, ...at });
    server = createHttpServer({ handlers: {}, mounts: [issuer.mount], log: silentLog });
    ({ url } = await server.listen({ port: 0 }));
  });
  afterEach(() => server.close());
  const get = async (path: string, init?: RequestInit) => {
    const response = await fetch(url + path, init);
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };

  test("the discovery document leads to the keys, and these are public halves only", async () => {
    const { body } = await get("/issuer/.well-known/openid-configuration");
    expect(body).toMatchObject({ issuer: at.issuer, jwks_uri: `${at.issuer}/.well-known/jwks.json` });
    const { body: keys } = await get("/issuer/.well-known/jwks.json");
    expect(keys).toEqual({
      keys: [
        {
          kty: "EC",
          crv: "P-256",
          x: expect.any(String),
          y: expect.any(String),
          kid: expect.any(String),
          alg: "ES256",
          use: "sig",
        },
      ],
    });
  });

  test("nothing else is there, and nothing can be sent", async () => {
    expect((await get("/issuer/token")).status).toBe(404);
    expect((await get("/issuer/.well-known/jwks.json", { method: "POST" })).status).toBe(405);
  });
});
