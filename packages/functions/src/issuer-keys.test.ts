import { generateKeyPairSync, type KeyObject, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, type JWTVerifyGetKey } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { issuerKeys } from "./issuer-keys.ts";
import { Outage } from "./problem.ts";

type Answer = { status: number; body: unknown };
const jwk = (key: KeyObject) => ({ ...key.export({ format: "jwk" }), kid: "one", alg: "ES256", use: "sig" });
const newKey = () => jwk(generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey);
const [named, fallback] = [newKey(), newKey()];
const answers = new Map<string, () => Answer>();
const server = createServer((request, response) => {
  const { status, body } = answers.get(request.url!)?.() ?? { status: 404, body: {} };
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
});
let url: string;
beforeAll(async () => {
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  answers.set("/keys", () => ({ status: 200, body: { keys: [named] } }));
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

/** An issuer with keys where one without a discovery document has them, and perhaps such a document, which names others. */
function issuerWith(document: Record<string, unknown> | null, status = 200, slash = "") {
  const path = `/${randomUUID()}`;
  const issuer = `${url}${path}${slash}`;
  let asked = 0;
  answers.set(`${path}/.well-known/jwks.json`, () => ({ status: 200, body: { keys: [fallback] } }));
  const describe = (given: Record<string, unknown>, as: number) =>
    answers.set(`${path}/.well-known/openid-configuration`, () => {
      asked++;
      return { status: as, body: { issuer, ...given } };
    });
  if (document !== null) describe(document, status);
  return { issuer, describe, asked: () => asked };
}
const asToken = { payload: "", signature: "" };
/** The public part of the key by which a token would be verified. */
const keyOf = async (keys: JWTVerifyGetKey) =>
  (await exportJWK((await keys({ alg: "ES256", kid: "one" }, asToken)) as KeyObject)).x;
const faultOf = (keys: JWTVerifyGetKey) => keyOf(keys).catch((error: unknown) => error);

test.each(["", "/"])(
  "the keys of an issuer are those that its discovery document names, which is read once (%j)",
  async (slash) => {
    const { issuer, asked } = issuerWith({ jwks_uri: `${url}/keys` }, 200, slash);
    const keys = issuerKeys(issuer);
    for (let time = 0; time < 3; time++) expect(await keyOf(keys)).toBe(named.x);
    expect(asked()).toBe(1);
  },
);

test("of an issuer without one they lie where Cognito and Auth0 have them", async () => {
  expect(await keyOf(issuerKeys(issuerWith(null).issuer))).toBe(fallback.x);
});

test.each<[string, () => Record<string, unknown>, RegExp]>([
  ["is of another issuer", () => ({ issuer: url, jwks_uri: `${url}/keys` }), /another issuer/],
  ["names none", () => ({}), /jwks_uri/],
  ["names what is no URL", () => ({ jwks_uri: "/keys" }), /jwks_uri/],
  ["names another machine over plain HTTP", () => ({ jwks_uri: "http://keys.example/keys" }), /https/],
])("cannot be had when the document %s, whatever lies elsewhere: an outage", async (_what, document, why) => {
  const fault = await faultOf(issuerKeys(issuerWith(document()).issuer));
  expect(fault).toBeInstanceOf(Outage);
  expect(String((fault as Outage).cause)).toMatch(why);
});

test.each([500, 403, 302])(
  "cannot be had when the document is answered with %i: an outage, and the next try may work",
  async (status) => {
    const document = { jwks_uri: `${url}/keys` };
    const { issuer, describe } = issuerWith(document, status);
    const keys = issuerKeys(issuer);
    expect(await faultOf(keys)).toBeInstanceOf(Outage);
    describe(document, 200);
    expect(await keyOf(keys)).toBe(named.x);
  },
);

test("that lay nowhere are looked for anew, also where a document says by then that they are", async () => {
  const { issuer, describe } = issuerWith(null);
  answers.set(`${new URL(issuer).pathname}/.well-known/jwks.json`, () => ({ status: 404, body: {} }));
  const keys = issuerKeys(issuer);
  expect(await faultOf(keys)).toBeInstanceOf(Outage);
  describe({ jwks_uri: `${url}/keys` }, 200);
  expect(await keyOf(keys)).toBe(named.x);
});
