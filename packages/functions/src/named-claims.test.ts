import { randomUUID } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type ClaimNames, defaultClaims } from "@strongroom/core/claim-names";
import { systemClock } from "@strongroom/core/clock";
import type { Config } from "@strongroom/core/config";
import { jsonLog } from "@strongroom/core/log";
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { verifyCaller } from "./authenticate.ts";

const url = "https://example.com/tenant";
const named: ClaimNames = { user: "oid", tenant: url };
const [person, tenant] = [randomUUID(), randomUUID()];
const them = { userId: person, tenantId: tenant };

type Fields = Record<string, unknown>;
let server: Server;
let issuer: string;
let sign: (claims: JWTPayload) => Promise<string>;
beforeAll(async () => {
  const { publicKey, privateKey } = await generateKeyPair("RS256");
  const keys = [{ ...(await exportJWK(publicKey)), kid: "rsa", alg: "RS256", use: "sig" }];
  server = createServer((request, response) => {
    response.writeHead(request.url === "/.well-known/jwks.json" ? 200 : 404);
    response.end(JSON.stringify({ keys }));
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  sign = (claims) =>
    new SignJWT(claims)
      .setProtectedHeader({ alg: "RS256", typ: "JWT", kid: "rsa" })
      .setIssuer(issuer)
      .setAudience("strongroom")
      .setIssuedAt()
      .setExpirationTime("10 minutes")
      .setJti(randomUUID())
      .sign(privateKey);
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

const lines: string[] = [];
const verify = (token: string, claims = named) =>
  verifyCaller(
    {
      clock: systemClock,
      log: jsonLog({}, (line) => void lines.push(line)),
      config: { auth: { issuer, audience: "strongroom", claims } } as Config,
    },
    `Bearer ${token}`,
  );
const refused = { name: "Refusal", status: 401, code: "token_invalid" };
/** A token of an issuer that keeps ids of its own in `sub`, with some claims changed; undefined takes one away. */
const token = (changes: Fields = {}) =>
  sign({ sub: "auth0|pairwise", oid: person, [url]: tenant, ...changes } as JWTPayload);

describe("under configured names", () => {
  test.each<[string, Fields]>([
    ["whatever else is in the token", {}],
    ["without a subject", { sub: undefined }],
    ["with other people's ids under the default names", { sub: randomUUID(), tenant: randomUUID() }],
    ["in upper case, as UUIDs may be written", { oid: person.toUpperCase() }],
  ])("person and tenant are found: %s", async (_what, changes) => {
    expect(await verify(await token(changes))).toEqual(them);
  });

  test.each<[string, Fields]>([
    ["no person", { oid: undefined }],
    ["no tenant", { [url]: undefined }],
    ["the person under the default name alone", { oid: undefined, sub: person }],
    ["the tenant under the default name alone", { [url]: undefined, tenant }],
    ["a name in another case", { oid: undefined, OID: person }],
    ["a name with a slash more", { [url]: undefined, [`${url}/`]: tenant }],
    ["a name taken for a path", { [url]: undefined, "https://example": { "com/tenant": tenant } }],
    ["a person of null", { oid: null }],
    ["a person that is a number", { oid: 7 }],
    ["a person that is true", { oid: true }],
    ["a person that is empty", { oid: "" }],
    ["a person that is no UUID", { oid: "auth0|507f1f77bcf86cd799439020" }],
    ["a person with a line break behind it", { oid: `${person}\n` }],
    ["a list of one person", { oid: [person] }],
    ["a person within an object", { oid: { oid: person } }],
    ["a list of one tenant", { [url]: [tenant] }],
    ["two tenants", { [url]: [tenant, randomUUID()] }],
    ["tenants as text", { [url]: `${tenant},${randomUUID()}` }],
    ["a tenant within an object", { [url]: { [url]: tenant } }],
    ["a tenant that is a number", { [url]: 1e21 }],
  ])("%s is refused, and told to nobody", async (_what, changes) => {
    lines.length = 0;
    await expect(verify(await token(changes))).rejects.toMatchObject(refused);
    expect(lines.map((line) => JSON.parse(line) as object)).toEqual([
      expect.objectContaining({ event: "token.refused", reason: "claims" }),
    ]);
    for (const secret of [person, tenant]) expect(lines.join()).not.toContain(secret);
  });

  test("what a token does not bear itself is not taken from what objects inherit", async () => {
    const made = await token({ oid: undefined });
    Object.defineProperty(Object.prototype, "oid", { value: person, configurable: true });
    try {
      await expect(verify(made)).rejects.toMatchObject(refused);
    } finally {
      delete (Object.prototype as { oid?: string }).oid;
    }
  });
});

test("a token that was read under other names a moment ago is read anew", async () => {
  const other = randomUUID();
  const made = await token({ sub: other, tenant });
  for (const [claims, userId] of [
    [defaultClaims, other],
    [named, person],
    [{ ...named, user: "sub" }, other],
  ] as const)
    expect(await verify(made, claims)).toEqual({ tenantId: tenant, userId });
  await expect(verify(made, { user: "oid", tenant: "tid" })).rejects.toMatchObject(refused);
});
