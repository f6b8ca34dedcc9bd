import { randomUUID } from "node:crypto";
import { altered, publicKeys, signers, stranger, type TokenForge } from "./token-forge.ts";

/** What is sent as Authorization: a token, which gets its scheme, or headers as they stand. */
export type Made = string | { authorization: string | string[] };
export type Row = [what: string, make: (forge: TokenForge) => Made];

const pem = publicKeys.ec.export({ format: "pem", type: "spki" }).toString();
const rsaPem = publicKeys.rsa.export({ format: "pem", type: "spki" }).toString();
const strangerJwk = stranger.publicKey.export({ format: "jwk" });
const part = (token: string, index: number) => token.split(".")[index]!;
const raw = (authorization: string | string[]) => ({ authorization });

/** Tokens that a person comes in with. */
export const honestTokens: Row[] = [
  ["as the issuer makes them", ({ token }) => token()],
  ["of an RSA key", ({ token }) => token({}, { alg: "RS256", kid: "rsa" }, signers.rs256)],
  ["with the scheme in lower case", ({ token }) => raw(`bearer ${token()}`)],
  ["with the scheme in upper case", ({ token }) => raw(`BEARER ${token()}`)],
  ["with two spaces behind the scheme", ({ token }) => raw(`Bearer  ${token()}`)],
  ["expired 59 seconds ago", ({ token, claims }) => token({ exp: Number(claims["iat"]) - 59 })],
  ["that begin in 59 seconds", ({ token, claims }) => token({ nbf: Number(claims["iat"]) + 59 })],
  ["that begin in 60 seconds", ({ token, claims }) => token({ nbf: Number(claims["iat"]) + 60 })],
  ["issued in 59 seconds", ({ token, claims }) => token({ iat: Number(claims["iat"]) + 59 })],
  ["issued in 60 seconds", ({ token, claims }) => token({ iat: Number(claims["iat"]) + 60 })],
  [
    "with names of claims in escapes",
    ({ token, claims }) => token(JSON.stringify(claims).replace('"sub"', '"\\u0073ub"')),
  ],
  // RFC 7519, section 4: of two equal names the last one counts.
  [
    "with a claim twice, the last one right",
    ({ token, claims }) => token(JSON.stringify(claims).replace("{", '{"aud":"other",')),
  ],
  ["with a deep claim of somebody else's", ({ token }) => token({ extra: { a: [{ b: "c" }] } })],
  // Whoever holds a token can mirror its s; it says the same, and nothing of ours takes a token for an id.
  ["with the mirrored signature (n − s)", ({ token }) => token({}, {}, altered["mirrored"])],
];

/** Tokens that let nobody in. */
export const badTokens: Row[] = [
  [
    "alg none without a signature",
    ({ encode, header, claims }) => raw(`Bearer ${encode({ ...header, alg: "none" })}.${encode(claims)}.`),
  ],
  ["alg none with a signature", ({ token }) => token({}, { alg: "none" })],
  ["alg None", ({ token }) => token({}, { alg: "None" })],
  ["no alg", ({ token }) => token({}, { alg: undefined })],
  ["alg as a list", ({ token }) => token({}, { alg: ["ES256"] })],
  ["HS256 with the public key as its secret", ({ token }) => token({}, { alg: "HS256" }, signers.hmac(pem))],
  [
    "HS256 with the RSA public key as its secret",
    ({ token }) => token({}, { alg: "HS256", kid: "rsa" }, signers.hmac(rsaPem)),
  ],
  [
    "HS256 by a secret that stands in the key set",
    ({ token }) => token({}, { alg: "HS256", kid: "secret" }, signers.hmac("secret")),
  ],
  ["ES384 by a key of the issuer", ({ token }) => token({}, { alg: "ES384", kid: "p384" }, signers.es384)],
  [
    "ES256 over a key of another curve",
    ({ token }) => token({}, { kid: "mislabelled" }, signers.es256OverP384),
  ],
  ["ES256K", ({ token }) => token({}, { alg: "ES256K" }, signers.es256k)],
  ["EdDSA by a key of the issuer", ({ token }) => token({}, { alg: "EdDSA", kid: "ed" }, signers.ed25519)],
  ["a key that was rotated out", ({ token }) => token({}, { kid: "retired" }, signers.retired)],
  ["an unknown kid", ({ token }) => token({}, { kid: "nobody" })],
  ["the kid of another key", ({ token }) => token({}, { kid: "rsa" })],
  ["no kid, by a key that is not ours", ({ token }) => token({}, { kid: undefined }, signers.stranger)],
  ["a kid that is no text", ({ token }) => token({}, { kid: { $ne: null } })],
  ["an embedded jwk", ({ token }) => token({}, { jwk: strangerJwk }, signers.stranger)],
  [
    "an embedded jwk without kid",
    ({ token }) => token({}, { jwk: strangerJwk, kid: undefined }, signers.stranger),
  ],
  ["a jku elsewhere", ({ token }) => token({}, { jku: "http://127.0.0.1:9/keys" }, signers.stranger)],
  ["an x5u elsewhere", ({ token }) => token({}, { x5u: "http://127.0.0.1:9/cert" }, signers.stranger)],
  ["an x5c of its own", ({ token }) => token({}, { x5c: ["MIIB"] }, signers.stranger)],
  ["crit of an unknown header", ({ token }) => token({}, { crit: ["beyond"], beyond: 1 })],
  ["an empty crit", ({ token }) => token({}, { crit: [] })],
  ["b64 false", ({ token }) => token({}, { crit: ["b64"], b64: false })],
  ["a header that is compressed", ({ token }) => token({}, { zip: "DEF", enc: "A256GCM", alg: "dir" })],
  ["r and s swapped", ({ token }) => token({}, {}, altered["swapped"])],
  ["s above the order", ({ token }) => token({}, {}, altered["overOrder"])],
  ["a signature of zeros (CVE-2022-21449)", ({ token }) => token({}, {}, altered["zero"])],
  ["r of zero", ({ token }) => token({}, {}, altered["zeroR"])],
  ["s of zero", ({ token }) => token({}, {}, altered["zeroS"])],
  ["r and s the order of the curve", ({ token }) => token({}, {}, altered["orderTwice"])],
  ["r and s of one", ({ token }) => token({}, {}, altered["ones"])],
  ["a truncated signature", ({ token }) => token({}, {}, altered["truncated"])],
  ["a signature with a byte more", ({ token }) => token({}, {}, altered["longer"])],
  ["no signature", ({ token }) => raw(`Bearer ${token({}, {}, altered["empty"])}`)],
  ["a DER signature", ({ token }) => token({}, {}, signers.der)],
  ["a stranger's signature", ({ token }) => token({}, {}, signers.stranger)],
  [
    "other claims under the signature",
    ({ token }) => `${part(token(), 0)}.${part(token({ tenant: randomUUID() }), 1)}.${part(token(), 2)}`,
  ],
  ["another issuer", ({ token }) => token({ iss: "https://evil.example" })],
  ["an issuer with a slash more", ({ token, claims }) => token({ iss: `${String(claims["iss"])}/` })],
  ["an issuer in upper case", ({ token, claims }) => token({ iss: String(claims["iss"]).toUpperCase() })],
  ["a list of issuers", ({ token, claims }) => token({ iss: [claims["iss"]] })],
  ["another audience", ({ token }) => token({ aud: "other" })],
  ["an audience with a wildcard", ({ token }) => token({ aud: "*" })],
  ["an audience that is an object", ({ token }) => token({ aud: { strongroom: true } })],
  ["the type of an ID token", ({ token }) => token({ nonce: "n" }, { typ: "JWT" })],
  ["the type of a logout token", ({ token }) => token({}, { typ: "logout+jwt" })],
  ["no type", ({ token }) => token({}, { typ: undefined })],
  ["exp 60 seconds ago", ({ token, claims }) => token({ exp: Number(claims["iat"]) - 60 })],
  ["exp 61 seconds ago", ({ token, claims }) => token({ exp: Number(claims["iat"]) - 61 })],
  ["nbf in 61 seconds", ({ token, claims }) => token({ nbf: Number(claims["iat"]) + 61 })],
  ["iat in 61 seconds", ({ token, claims }) => token({ iat: Number(claims["iat"]) + 61 })],
  ["iat in a year", ({ token, claims }) => token({ iat: Number(claims["iat"]) + 31_536_000 })],
  ["no exp", ({ token }) => token({ exp: undefined })],
  ["no iat", ({ token }) => token({ iat: undefined })],
  ["exp as text", ({ token }) => token({ exp: "9999999999" })],
  ["exp of null", ({ token }) => token({ exp: null })],
  [
    "exp beyond all numbers",
    ({ token, claims }) => token(JSON.stringify(claims).replace(/"exp":\d+/, '"exp":1e999')),
  ],
  ["exp below zero", ({ token }) => token({ exp: -1 })],
  ["nbf as text", ({ token }) => token({ nbf: "0" })],
  ["iat as a list", ({ token }) => token({ iat: [1] })],
  [
    "a claim twice, the last one wrong",
    ({ token, claims }) => token(JSON.stringify(claims).replace(/}$/, ',"aud":"other"}')),
  ],
  ["a tenant that is no UUID", ({ token }) => token({ tenant: "*" })],
  [
    "a tenant with a statement behind it",
    ({ token, claims }) => token({ tenant: `${String(claims["tenant"])}' or '1'='1` }),
  ],
  ["a tenant in braces", ({ token, claims }) => token({ tenant: `{${String(claims["tenant"])}}` })],
  ["two tenants", ({ token, claims }) => token({ tenant: [claims["tenant"], randomUUID()] })],
  ["no tenant", ({ token }) => token({ tenant: undefined })],
  ["sub as a number", ({ token }) => token({ sub: 7 })],
  ["sub with a space behind it", ({ token, claims }) => token({ sub: `${String(claims["sub"])} ` })],
  ["no sub", ({ token }) => token({ sub: undefined })],
  [
    "claims with a byte order mark",
    ({ token, claims }) => token(`{"x":\ufeff1,${JSON.stringify(claims).slice(1)}`),
  ],
  ["claims with a comma too many", ({ token, claims }) => token(JSON.stringify(claims).replace(/}$/, ",}"))],
  ["claims in single quotes", ({ token }) => token("{'sub':1}")],
  ["claims that are a list", ({ token, claims }) => token(JSON.stringify([claims]))],
  ["claims that are null", ({ token }) => token("null")],
  ["claims below __proto__", ({ token, claims }) => token(`{"__proto__":${JSON.stringify(claims)}}`)],
  ["a header that is a list", ({ token }) => token({}, "[]")],
  ["a header that is no JSON", ({ token }) => token({}, "{")],
  ["twelve thousand letters", ({ token }) => token({ padding: "x".repeat(9_000) }, { kid: "nobody" })],
  ["padding in base64", ({ token }) => raw(`Bearer ${token()}==`)],
  [
    "standard base64 in place of base64url",
    ({ token }) => raw(`Bearer ${token({}, { kid: "??>>" }).replaceAll("_", "/").replaceAll("-", "+")}+/`),
  ],
  ["two parts", ({ token }) => raw(`Bearer ${token().split(".").slice(0, 2).join(".")}`)],
  ["four parts", ({ token }) => raw(`Bearer ${token()}.eyJ9`)],
  ["a tab behind the scheme", ({ token }) => raw(`Bearer\t${token()}`)],
  ["a space within the token", ({ token }) => raw(`Bearer ${token().replace(".", ". ")}`)],
  ["something behind the token", ({ token }) => raw(`Bearer ${token()} x`)],
  ["two Authorization headers", ({ token }) => raw([`Bearer ${token()}`, `Bearer ${token()}`])],
  ["an empty header before the token", ({ token }) => raw(["", `Bearer ${token()}`])],
  ["two tokens in one header", ({ token }) => raw(`Bearer ${token()}, Bearer ${token()}`)],
  ["the DPoP scheme", ({ token }) => raw(`DPoP ${token()}`)],
  ["the Basic scheme", ({ token }) => raw(`Basic ${Buffer.from(`a:${token()}`).toString("base64")}`)],
  ["no scheme", ({ token }) => raw(token())],
  ["a scheme alone", () => raw("Bearer")],
  ["null", () => raw("Bearer null")],
];
