import {
  createHmac,
  createSign,
  generateKeyPairSync,
  type KeyObject,
  randomUUID,
  sign as signBytes,
} from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { defaultClaims } from "@strongroom/core/claim-names";
import { systemClock } from "@strongroom/core/clock";
import type { Config } from "@strongroom/core/config";
import { jsonLog } from "@strongroom/core/log";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkRole, verifyCaller } from "./authenticate.ts";
import { Outage } from "./problem.ts";

const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const stranger = generateKeyPairSync("ec", { namedCurve: "P-256" });
const ed = generateKeyPairSync("ed25519");
const keys = [
  { ...ec.publicKey.export({ format: "jwk" }), kid: "ec", alg: "ES256", use: "sig" },
  { ...rsa.publicKey.export({ format: "jwk" }), kid: "rsa", alg: "RS256", use: "sig" },
  { ...ed.publicKey.export({ format: "jwk" }), kid: "ed", alg: "EdDSA", use: "sig" },
];
const audience = "strongroom";
const [tenant, sub] = [randomUUID(), randomUUID()];
const now = Math.floor(Date.now() / 1_000);

let server: Server;
let issuer: string;
let answers: (() => { status: number; body: string })[] = [];
beforeAll(async () => {
  server = createServer((request, response) => {
    const isDiscovery = request.url!.endsWith("/.well-known/openid-configuration"); // there is none
    const { status, body } = (isDiscovery ? undefined : answers.shift()?.()) ?? {
      status: request.url === "/.well-known/jwks.json" ? 200 : 404,
      body: JSON.stringify({ keys }),
    };
    response.writeHead(status, { "content-type": "application/json" }).end(body);
  });
  issuer = await listen(server);
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

async function listen(one: Server): Promise<string> {
  await new Promise<void>((resolve) => void one.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(one.address() as AddressInfo).port}`;
}

const lines: string[] = [];
const verify = (authorization: string | undefined, from = issuer) =>
  verifyCaller(
    {
      clock: systemClock,
      log: jsonLog({}, (line) => void lines.push(line)),
      config: { auth: { issuer: from, audience, claims: defaultClaims } } as Config,
    },
    authorization,
  );

type Fields = Record<string, unknown>;
const good = (): Fields => ({
  iss: issuer,
  aud: audience,
  sub,
  tenant,
  iat: now,
  exp: now + 600,
  jti: randomUUID(),
});
const goodHeader: Fields = { alg: "ES256", typ: "at+jwt", kid: "ec" };
const encode = (value: unknown) =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

/** A token with any header over any claims, signed by our key unless told otherwise. */
function token(
  claims: Fields | string = good(),
  header: Fields = goodHeader,
  signer: (input: string) => Buffer = es256(ec.privateKey),
): string {
  const input = `${encode(header)}.${encode(claims)}`;
  return `${input}.${signer(input).toString("base64url")}`;
}
const es256 = (key: KeyObject) => (input: string) =>
  createSign("sha256").update(input).sign({ key, dsaEncoding: "ieee-p1363" });
const rs256 = (input: string) => createSign("sha256").update(input).sign(rsa.privateKey);
const hs256 = (secret: string) => (input: string) => createHmac("sha256", secret).update(input).digest();
const without = (name: string) =>
  Object.fromEntries(Object.entries(good()).filter(([claim]) => claim !== name));
const withClaims = (claims: Fields, header: Fields = {}) =>
  token({ ...good(), ...claims }, { ...goodHeader, ...header });
const pem = (key: KeyObject) => key.export({ format: "pem", type: "spki" }).toString();
const flip = (text: string, at: number) =>
  text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1);
const part = (text: string, index: number) => text.split(".")[index]!;

describe("a token that is accepted", () => {
  test.each<[string, () => string]>([
    ["an access token by RFC 9068", () => token()],
    ["the same with the whole media type", () => withClaims({}, { typ: "application/at+jwt" })],
    ["an RSA token", () => token(good(), { alg: "RS256", typ: "at+jwt", kid: "rsa" }, rs256)],
    ["a plain JWT that is no ID token", () => withClaims({}, { typ: "JWT" })],
    [
      "Cognito's, which has no type but says what it is for",
      () => token({ ...good(), token_use: "access" }, { alg: "RS256", kid: "rsa" }, rs256),
    ],
    ["one for several audiences", () => withClaims({ aud: ["other", audience] })],
    ["one without a key id, when one key alone fits", () => withClaims({}, { kid: undefined })],
    ["one that expired 55 seconds ago", () => withClaims({ exp: now - 55 })],
    ["one that begins in 55 seconds", () => withClaims({ nbf: now + 55 })],
  ])("%s", async (_what, make) => {
    expect(await verify(`Bearer ${make()}`)).toEqual({ tenantId: tenant, userId: sub });
  });

  test("is found whatever the case of the scheme", async () => {
    expect(await verify(`bearer ${token()}`)).toEqual({ tenantId: tenant, userId: sub });
  });
});

describe("a token that is refused", () => {
  const bad: [string, () => string][] = [
    ["unsigned: alg none", () => `${encode({ ...goodHeader, alg: "none" })}.${encode(good())}.`],
    ["unsigned, alg nOnE", () => `${encode({ ...goodHeader, alg: "nOnE" })}.${encode(good())}.`],
    ["alg none with a signature", () => token(good(), { ...goodHeader, alg: "none" })],
    ["without an alg", () => withClaims({}, { alg: undefined })],
    [
      "HS256 with our public key as the secret",
      () => token(good(), { ...goodHeader, alg: "HS256" }, hs256(pem(ec.publicKey))),
    ],
    [
      "HS256 with the RSA public key as the secret",
      () => token(good(), { alg: "HS256", typ: "at+jwt", kid: "rsa" }, hs256(pem(rsa.publicKey))),
    ],
    [
      "HS256 with the key set's text as the secret",
      () => token(good(), { ...goodHeader, alg: "HS256" }, hs256(JSON.stringify(keys[0]))),
    ],
    ["HS256 with an empty secret", () => token(good(), { ...goodHeader, alg: "HS256" }, hs256(""))],
    [
      "EdDSA, by a key of the issuer that is not for this",
      () =>
        token(good(), { alg: "EdDSA", typ: "at+jwt", kid: "ed" }, (input) =>
          signBytes(null, Buffer.from(input), ed.privateKey),
        ),
    ],
    [
      "RS384",
      () =>
        token(good(), { alg: "RS384", typ: "at+jwt", kid: "rsa" }, (input) =>
          createSign("sha384").update(input).sign(rsa.privateKey),
        ),
    ],
    ["PS256", () => token(good(), { alg: "PS256", typ: "at+jwt", kid: "rsa" }, rs256)],
    ["ES256 said of an RSA signature", () => token(good(), goodHeader, rs256)],
    ["RS256 said of an EC key", () => token(good(), { ...goodHeader, alg: "RS256" })],
    ["signed with another key", () => token(good(), goodHeader, es256(stranger.privateKey))],
    [
      "signed with another key that the header brings along (jwk)",
      () =>
        token(
          good(),
          { ...goodHeader, jwk: stranger.publicKey.export({ format: "jwk" }) },
          es256(stranger.privateKey),
        ),
    ],
    [
      "with a jku to a key set elsewhere",
      () => token(good(), { ...goodHeader, jku: "http://127.0.0.1:9/jwks.json" }, es256(stranger.privateKey)),
    ],
    [
      "with a certificate chain of its own (x5c)",
      () => token(good(), { ...goodHeader, x5c: ["MIIB"] }, es256(stranger.privateKey)),
    ],
    ["with an unknown key id", () => withClaims({}, { kid: "unknown" })],
    ["with the key id of another key", () => withClaims({}, { kid: "rsa" })],
    ["with a key id that is a path", () => withClaims({}, { kid: "../../../dev/null" })],
    ["with a key id that is SQL", () => withClaims({}, { kid: "' or 1=1 --" })],
    ["with a key id that is no text", () => withClaims({}, { kid: 7 })],
    [
      "a DER signature in place of r and s",
      () => token(good(), goodHeader, (input) => createSign("sha256").update(input).sign(ec.privateKey)),
    ],
    ["a signature of zeros", () => token(good(), goodHeader, () => Buffer.alloc(64))],
    ["an empty signature", () => token(good(), goodHeader, () => Buffer.alloc(0))],
    ["a flipped signature", () => ((made) => flip(made, made.length - 20))(token())],
    [
      "other claims under the old signature",
      () =>
        ((made) => `${part(made, 0)}.${encode({ ...good(), tenant: randomUUID() })}.${part(made, 2)}`)(
          token(),
        ),
    ],
    [
      "another header over the old signature",
      () => ((made) => `${encode({ ...goodHeader, x: 1 })}.${part(made, 1)}.${part(made, 2)}`)(token()),
    ],
    ["an unknown critical header (crit)", () => withClaims({}, { crit: ["exp"], exp: now + 600 })],
    ["an empty crit", () => withClaims({}, { crit: [] })],
    ["an unencoded payload (b64: false)", () => withClaims({}, { crit: ["b64"], b64: false })],
    ["expired 65 seconds ago", () => withClaims({ exp: now - 65 })],
    ["expired for years", () => withClaims({ exp: 1 })],
    ["without an end", () => token(without("exp"))],
    ["with an end that is text", () => withClaims({ exp: String(now + 600) })],
    ["without a beginning", () => token(without("iat"))],
    ["that begins in 65 seconds or more", () => withClaims({ nbf: now + 90 })],
    ["without an audience", () => token(without("aud"))],
    ["for another audience", () => withClaims({ aud: "other" })],
    ["for an audience that only begins like ours", () => withClaims({ aud: `${audience}-admin` })],
    ["for no audience of a list", () => withClaims({ aud: [] })],
    ["without an issuer", () => token(without("iss"))],
    ["of another issuer", () => withClaims({ iss: "https://evil.example" })],
    ["of an issuer that only begins like ours", () => withClaims({ iss: `${issuer}.evil.example` })],
    ["of an issuer with a slash more", () => withClaims({ iss: `${issuer}/` })],
    ["without a tenant", () => token(without("tenant"))],
    ["with a tenant that is no id", () => withClaims({ tenant: "*" })],
    ["with two tenants", () => withClaims({ tenant: [tenant, randomUUID()] })],
    ["with a tenant of null", () => withClaims({ tenant: null })],
    ["without a subject", () => token(without("sub"))],
    ["with an empty subject", () => withClaims({ sub: "" })],
    ["with a subject that is no id", () => withClaims({ sub: "admin" })],
    ["an ID token by its nonce", () => withClaims({ nonce: "n" }, { typ: "JWT" })],
    ["an ID token by its at_hash", () => withClaims({ at_hash: "h" }, { typ: "JWT" })],
    ["Cognito's ID token", () => token({ ...good(), token_use: "id" }, { alg: "RS256", kid: "rsa" }, rs256)],
    ["without a type and without a use", () => withClaims({}, { typ: undefined })],
    ["a logout token", () => withClaims({}, { typ: "logout+jwt" })],
    ["a proof of possession", () => withClaims({}, { typ: "dpop+jwt" })],
    ["one part", () => part(token(), 0)],
    ["two parts", () => token().split(".").slice(0, 2).join(".")],
    ["four parts", () => `${token()}.${encode("x")}`],
    ["five parts, as if encrypted", () => `${token()}.${encode("x")}.${encode("y")}`],
    ["claims that are a list", () => token("[]")],
    ["claims that are text", () => token("nothing")],
    ["a header that is no JSON", () => `${encode("{")}.${part(token(), 1)}.${part(token(), 2)}`],
    ["padding in base64url", () => ((made) => `${made}==`)(token())],
    ["garbage", () => "garbage"],
    ["dots", () => ".."],
    ["two tokens", () => `${token()},${token()}`],
    ["a token of a million letters", () => "a".repeat(1_000_000)],
  ];

  test.each(bad)("%s", async (_what, make) => {
    await expect(verify(`Bearer ${make()}`)).rejects.toMatchObject({
      name: "Refusal",
      status: 401,
      code: "token_invalid",
    });
  });

  test.each([
    "Basic dXNlcjpwYXNz",
    "Bearer",
    "Bearer ",
    "",
    "token",
    () => token(),
    () => `Bearer ${token()}, Bearer ${token()}`,
  ])("the header %s is no bearer token", async (header) => {
    await expect(verify(typeof header === "string" ? header : header())).rejects.toMatchObject({
      status: 401,
      code: "token_invalid",
    });
  });

  test("no token at all is another answer: sign in", async () => {
    await expect(verify(undefined)).rejects.toMatchObject({ status: 401, code: "token_missing" });
  });

  test("the log says why, and never holds the token", async () => {
    lines.length = 0;
    const made = withClaims({ exp: 1 });
    await expect(verify(`Bearer ${made}`)).rejects.toThrow();
    expect(JSON.parse(lines[0]!)).toMatchObject({ event: "token.refused", reason: "ERR_JWT_EXPIRED" });
    expect(lines.join()).not.toContain(part(made, 1));
  });
});

describe("the keys of the issuer", () => {
  test.each([
    ["answers with an error", { status: 500, body: "{}" }],
    ["answers with no key set", { status: 200, body: '{"keys":7}' }],
    ["answers with no JSON", { status: 200, body: "<html>" }],
    ["sends elsewhere", { status: 302, body: "" }],
  ])("cannot be had when it %s: an outage, and the next try may work", async (_what, answer) => {
    answers = [() => answer];
    const fresh = `${issuer}/`; // keys are kept by issuer, and this spelling was not asked for before
    const path = `${fresh}${randomUUID()}`;
    await expect(verify(`Bearer ${token({ ...good(), iss: path })}`, path)).rejects.toBeInstanceOf(Outage);
    answers = [() => ({ status: 200, body: JSON.stringify({ keys }) })];
    expect(await verify(`Bearer ${token({ ...good(), iss: path })}`, path)).toEqual({
      tenantId: tenant,
      userId: sub,
    });
  });

  test("cannot be had when nobody listens: an outage, not a bad token", async () => {
    const gone = createServer();
    const url = await listen(gone);
    await new Promise((resolve) => gone.close(resolve));
    await expect(verify(`Bearer ${token({ ...good(), iss: url })}`, url)).rejects.toBeInstanceOf(Outage);
  });

  test("are fetched once for many tokens, and unknown key ids do not fetch them again at will", async () => {
    let fetches = 0;
    answers = Array.from(
      { length: 20 },
      () => () => (fetches++, { status: 200, body: JSON.stringify({ keys }) }),
    );
    const path = `${issuer}/${randomUUID()}`;
    for (let tries = 0; tries < 5; tries++) {
      await verify(`Bearer ${token({ ...good(), iss: path })}`, path);
      await expect(
        verify(`Bearer ${token({ ...good(), iss: path }, { ...goodHeader, kid: String(tries) })}`, path),
      ).rejects.toMatchObject({ status: 401 });
    }
    answers = [];
    expect(fetches).toBe(1);
  });

  test("are never fetched over plain HTTP from another machine", async () => {
    await expect(verify(`Bearer ${token()}`, "http://issuer.example")).rejects.toThrow(
      "must be reached over https",
    );
  });
});

test("a role that the route does not name is not allowed", () => {
  expect(() => checkRole({ role: "agent" }, ["agent", "admin"])).not.toThrow();
  expect(() => checkRole({ role: "driver" }, ["agent", "admin"])).toThrow(
    expect.objectContaining({ status: 403, code: "not_allowed" }),
  );
  expect(() => checkRole({ role: "operator" }, [])).toThrow(expect.objectContaining({ status: 403 }));
});

test("a token that was accepted a moment ago lends nothing to one with another signature or other claims", async () => {
  const accepted = token();
  for (let time = 0; time < 2; time += 1)
    expect(await verify(`Bearer ${accepted}`)).toEqual({ tenantId: tenant, userId: sub });
  const [header, claims, signature] = accepted.split(".") as [string, string, string];
  const altered = [
    `${header}.${claims}.${flip(signature, 10)}`,
    `${header}.${encode({ ...good(), sub: randomUUID() })}.${signature}`,
  ];
  for (const one of altered) await expect(verify(`Bearer ${one}`)).rejects.toMatchObject({ status: 401 });
});
