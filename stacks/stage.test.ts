import { readFileSync } from "node:fs";
import { defaultClaims } from "@strongroom/core/claim-names";
import { describe, expect, test } from "vitest";
import { readSite, requireSite } from "./site.ts";
import { stageOf } from "./stage.ts";
import { claimsSource } from "./token-claims.ts";

describe("a stage", () => {
  test.each([
    ["production", "own", true],
    ["staging", "own", false],
    ["dev", "own", false],
    ["pr-12", "dev", false],
    ["pr-", "none", false],
    ["ann", "none", false],
  ] as const)("%s has the base %s, and protects: %s", (name, base, protects) => {
    expect(stageOf(name, undefined)).toMatchObject({ name, base, protects });
  });

  test("has the cells that one value names, the active one first", () => {
    expect(stageOf("production", undefined).cells).toEqual(["even", "odd"]);
    expect(stageOf("production", "odd").cells).toEqual(["odd"]);
    expect(stageOf("dev", "odd,even").cells).toEqual(["odd", "even"]);
  });

  test.each(["both", "even,", "even,even"])("has no cells called %s", (cells) => {
    expect(() => stageOf("dev", cells)).toThrow("STRONGROOM_CELLS");
  });
});

test("a site is what STRONGROOM_SITE says over what is written down, and a misspelt value is told", () => {
  expect(readSite("{}")).toMatchObject({ region: "us-east-1", domain: null });
  expect(readSite('{"region":"eu-central-1"}').region).toBe("eu-central-1");
  expect(() => readSite('{"regoin":"eu-central-1"}')).toThrow("regoin");
});

describe("an issuer of the site", () => {
  const read = (issuer: unknown) => readSite(JSON.stringify({ issuer })).issuer;
  const own = { url: "https://login.example.com", audience: "strongroom" };

  test("is believed by the claims that it names, and by today's where it names none", () => {
    expect(read(own)).toEqual({ ...own, claims: defaultClaims });
    expect(read({ ...own, claims: { user: "oid" } })?.claims).toEqual({ user: "oid", tenant: "tenant" });
    const claims = { user: "oid", tenant: "https://example.com/tenant" };
    expect(read({ ...own, claims })?.claims).toEqual(claims);
    expect(read(null)).toBeNull();
  });

  test("is written as docs/deploy.md shows it", () => {
    const page = readFileSync(new URL("../docs/deploy.md", import.meta.url), "utf8");
    const shown = /^"issuer": .*$/m.exec(page)![0];
    expect(readSite(`{${shown}}`).issuer).toEqual({
      url: "https://login.example.com/",
      audience: "strongroom",
      claims: { user: "sub", tenant: "https://example.com/tenant" },
    });
  });

  test.each([
    { url: "https://login.example.com/" }, // Auth0
    { url: "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0" },
    { url: "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Ab1cD2eF3" },
    { url: "https://example.okta.com/oauth2/default" },
    { url: "https://keys.example.com:8443/realms/freight%20agents" },
    { audience: "https://api.example.com/" },
    { audience: "api://0190a000-0000-7000-8000-000000000001" },
    { audience: "strongroom production" },
  ])("is taken letter for letter with %j", (more) => {
    expect(read({ ...own, ...more })).toMatchObject(more);
  });

  test.each<[object, RegExp]>([
    [{ claim: { user: "oid" } }, /no value named issuer\.claim$/],
    [{ claims: { usr: "oid" } }, /issuer\.claims: .*usr/s],
    [{ claims: { user: "" } }, /issuer\.claims: .*no name of a claim.*user/s],
    [{ claims: { user: "__proto__" } }, /no name of a claim/],
    [{ claims: { user: ["oid"] } }, /no name of a claim/],
    [{ claims: { user: "tenant" } }, /one claim for both person and tenant.*user/s],
    [{ claims: { tenant: "sub" } }, /one claim for both person and tenant.*tenant/s],
    [{ claims: "oid" }, /issuer\.claims/],
    [{ url: undefined }, /STRONGROOM_SITE: issuer\.url: undefined is no https URL/],
    [{ url: "login.example.com" }, /issuer\.url: "login\.example\.com" is no https URL/],
    [{ url: "http://login.example.com" }, /issuer\.url/],
    [{ url: "https://login.example.com?tenant=a" }, /issuer\.url/],
    [{ url: "https://login.example.com/#top" }, /issuer\.url/],
    [{ url: "https://ann:secret@login.example.com/" }, /issuer\.url/],
    [{ url: "https://login.example.com " }, /issuer\.url/],
    [{ url: "https://login.example.com//" }, /issuer\.url/],
    [{ url: "https://login.example.com;" }, /issuer\.url/],
    [{ url: "https://login.example.com:99999" }, /issuer\.url/],
    [{ url: "https://login.example.com/.well-known/openid-configuration" }, /issuer\.url/],
    [{ url: ["https://login.example.com"] }, /issuer\.url/],
    [{ audience: undefined }, /STRONGROOM_SITE: issuer\.audience: undefined is no audience/],
    [{ audience: "" }, /issuer\.audience/],
    [{ audience: " strongroom" }, /issuer\.audience/],
    [{ audience: "strong\nroom" }, /issuer\.audience/],
    [{ audience: ["strongroom"] }, /issuer\.audience/],
  ])("with %j is told before anything is deployed", (more, words) => {
    expect(() => read({ ...own, ...more })).toThrow(words);
  });
});

test.each([
  ["production", undefined, true],
  ["staging", undefined, true],
  ["dev", undefined, true],
  ["dev", "{}", false],
  ["pr-12", undefined, false],
  ["ann", undefined, false],
])("%s with the site %s is refused: %s", (name, site, isRefused) => {
  const check = () => requireSite(stageOf(name, undefined), site);
  if (isRefused) expect(check).toThrow("STRONGROOM_SITE is not set");
  else expect(check).not.toThrow();
});

test("Cognito's access tokens get the audience and the tenant that our verifier demands", async () => {
  const exports: { handler?: (event: object) => Promise<object> } = {};
  // oxlint-disable-next-line typescript/no-implied-eval -- Lambda runs this very text
  new Function("exports", claimsSource)(exports);
  const tenant = "0190a000-0000-7000-8000-000000000001";
  const event = {
    callerContext: { clientId: "client" },
    request: { userAttributes: { "custom:tenant": tenant } },
    response: {},
  };
  expect(await exports.handler!(event)).toMatchObject({
    response: {
      claimsAndScopeOverrideDetails: {
        accessTokenGeneration: { claimsToAddOrOverride: { aud: "client", [defaultClaims.tenant]: tenant } },
      },
    },
  });
});
