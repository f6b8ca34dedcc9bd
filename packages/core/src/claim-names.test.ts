import { describe, expect, it } from "vitest";
import { defaultClaims, readClaimNames } from "./claim-names.ts";

describe("names of claims", () => {
  it.each<[unknown, object]>([
    [{}, defaultClaims],
    [
      { user: "oid", tenant: "tid" },
      { user: "oid", tenant: "tid" },
    ],
    [{ tenant: "custom:tenant" }, { user: "sub", tenant: "custom:tenant" }],
    [{ tenant: "https://example.com/tenant" }, { user: "sub", tenant: "https://example.com/tenant" }],
    [
      { user: "tenant", tenant: "sub" },
      { user: "tenant", tenant: "sub" },
    ],
    [{ user: "x".repeat(128) }, { user: "x".repeat(128), tenant: "tenant" }],
  ])("%j are read", (given, names) => expect(readClaimNames(given)).toEqual(names));

  it.each([
    "",
    " ",
    "a b",
    "oid ",
    "oid\n",
    "oïd",
    "x".repeat(129),
    7,
    null,
    ["oid"],
    { name: "oid" },
    "__proto__",
    "constructor",
    "prototype",
    "hasOwnProperty",
    "toString",
    "__defineGetter__",
  ])("%j is none", (name) => {
    expect(() => readClaimNames({ user: name })).toThrow(/no name of a claim.*user/s);
    expect(() => readClaimNames({ tenant: name })).toThrow(/no name of a claim.*tenant/s);
  });

  it.each(["iss", "aud", "exp", "nbf", "iat", "jti", "nonce"])(
    "%s tells of the token, and never of who bears it",
    (name) => expect(() => readClaimNames({ user: name })).toThrow("no name of a claim"),
  );

  it.each<[unknown, RegExp]>([
    [{ user: "oid", tenant: "oid" }, /one claim for both person and tenant.*at user/s],
    [{ user: "tenant" }, /one claim for both person and tenant.*at user/s],
    [{ tenant: "sub" }, /one claim for both person and tenant.*at tenant/s],
    [{ usr: "oid" }, /usr/],
    ["oid", /expected object/],
    [null, /expected object/],
  ])("%j do not go together", (given, words) => expect(() => readClaimNames(given)).toThrow(words));
});
