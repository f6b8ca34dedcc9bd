import { randomUUID } from "node:crypto";
import type { Row } from "./tokens-table.ts";

const tenantClaim = "https://example.com/tenant";
/** The claims of an issuer that has its own ids in `sub`. */
export const namedClaims = { user: "oid", tenant: tenantClaim };

/** What such an issuer says of a person. */
export const namedPerson = (person: { userId: string; tenantId: string }) => ({
  sub: "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ",
  oid: person.userId,
  [tenantClaim]: person.tenantId,
});

/** Tokens that a person comes in with, where the configuration names these claims. */
export const honestNamedTokens: Row[] = [
  ["as the issuer makes them", ({ token }) => token()],
  ["of the type of most issuers", ({ token }) => token({}, { typ: "JWT" })],
  ["with others under the default names", ({ token }) => token({ sub: randomUUID(), tenant: randomUUID() })],
];

/** Tokens that let nobody in, where the configuration names these claims. */
export const badNamedTokens: Row[] = [
  [
    "both under the default names alone",
    ({ token, claims }) =>
      token({
        sub: claims["oid"],
        tenant: claims[tenantClaim],
        oid: undefined,
        [tenantClaim]: undefined,
      }),
  ],
  [
    "the person under the default name alone",
    ({ token, claims }) => token({ sub: claims["oid"], oid: undefined }),
  ],
  [
    "the tenant under the default name alone",
    ({ token, claims }) => token({ tenant: claims[tenantClaim], [tenantClaim]: undefined }),
  ],
  ["no person", ({ token }) => token({ oid: undefined })],
  ["no tenant", ({ token }) => token({ [tenantClaim]: undefined })],
  ["the person's claim in upper case", ({ token, claims }) => token({ OID: claims["oid"], oid: undefined })],
  [
    "the tenant's claim taken for a path",
    ({ token, claims }) =>
      token({ [tenantClaim]: undefined, "https://example": { "com/tenant": claims[tenantClaim] } }),
  ],
  ["a list of one person", ({ token, claims }) => token({ oid: [claims["oid"]] })],
  ["a person in an object", ({ token, claims }) => token({ oid: { oid: claims["oid"] } })],
  ["a person as a number", ({ token }) => token({ oid: 7 })],
  ["a person of null", ({ token }) => token({ oid: null })],
  ["a person that is no UUID", ({ token }) => token({ oid: "auth0|507f1f77bcf86cd799439020" })],
  ["two tenants", ({ token, claims }) => token({ [tenantClaim]: [claims[tenantClaim], randomUUID()] })],
  ["a tenant in an object", ({ token, claims }) => token({ [tenantClaim]: { id: claims[tenantClaim] } })],
  ["a tenant as a number", ({ token }) => token({ [tenantClaim]: 1 })],
  [
    "a tenant with a statement behind it",
    ({ token, claims }) => token({ [tenantClaim]: `${String(claims[tenantClaim])}' or '1'='1` }),
  ],
  [
    "the person twice, the last one wrong",
    ({ token, claims }) => token(JSON.stringify(claims).replace(/}$/, ',"oid":"*"}')),
  ],
  [
    "both below __proto__",
    ({ token, claims: { oid, [tenantClaim]: tenant, ...rest } }) =>
      token(
        JSON.stringify(rest).replace(/}$/, `,"__proto__":${JSON.stringify({ oid, [tenantClaim]: tenant })}}`),
      ),
  ],
  [
    "both below constructor",
    ({ token, claims: { oid, [tenantClaim]: tenant, ...rest } }) =>
      token(JSON.stringify({ ...rest, constructor: { prototype: { oid, [tenantClaim]: tenant } } })),
  ],
];
