import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dividePeriods, formatConnection, parseConnection, readConfig } from "./config.ts";
import { Refusal } from "./errors.ts";
import { checkSettings } from "./settings.ts";

const key = "0123456789abcdef".repeat(4);
const environment = {
  STRONGROOM_PUBLIC_URL: "http://127.0.0.1:7010/",
  STRONGROOM_DATA: "/data",
  STRONGROOM_DATABASE_URL_APP: "postgres://app:one@127.0.0.1:5433/strongroom",
  STRONGROOM_DATABASE_URL_SYSTEM: "postgres://system:two@127.0.0.1/strongroom",
  STRONGROOM_DATABASE_URL_EMBEDDED: "postgres://embedded:three@127.0.0.1:5433/strongroom",
  STRONGROOM_ISSUER: "http://127.0.0.1:7010/issuer",
  STRONGROOM_AUDIENCE: "strongroom",
  STRONGROOM_UPLOAD_KEY: key,
  STRONGROOM_TICKET_KEY: key.toUpperCase().toLowerCase(),
};
const messageOf = (changes: Record<string, string | undefined>): string => {
  try {
    readConfig({ ...environment, ...changes });
    return "";
  } catch (error) {
    return (error as Error).message;
  }
};

describe("the configuration", () => {
  it("is read from the environment, with defaults for what need not be said", () => {
    expect(readConfig(environment)).toEqual({
      publicUrl: "http://127.0.0.1:7010",
      cell: "even",
      backend: {
        kind: "embedded",
        dataDirectory: "/data",
        connections: {
          app: { host: "127.0.0.1", port: 5433, database: "strongroom", user: "app", password: "one" },
          system: { host: "127.0.0.1", port: 5432, database: "strongroom", user: "system", password: "two" },
          embedded: {
            host: "127.0.0.1",
            port: 5433,
            database: "strongroom",
            user: "embedded",
            password: "three",
          },
        },
      },
      auth: {
        issuer: "http://127.0.0.1:7010/issuer",
        audience: "strongroom",
        claims: { user: "sub", tenant: "tenant" },
      },
      secrets: {
        uploadKey: Uint8Array.from(Buffer.from(key, "hex")),
        ticketKey: Uint8Array.from(Buffer.from(key, "hex")),
        originSecrets: [],
      },
      periods: dividePeriods(1),
      jobs: 2,
      maxRetries: 16,
      backupDays: 35,
    });
  });

  it("without anything names everything that is missing, in one error", () => {
    const required = Object.keys(environment);
    const message = messageOf(Object.fromEntries(required.map((name) => [name, undefined])));
    for (const name of required) expect(message).toContain(name);
  });

  it.each([
    ["STRONGROOM_PUBLIC_URL", "nowhere"],
    ["STRONGROOM_DATA", ""],
    ["STRONGROOM_UPLOAD_KEY", "secret-too-short"],
    ["STRONGROOM_TICKET_KEY", `secret${key}`],
    ["STRONGROOM_DATABASE_URL_APP", "secret"],
    ["STRONGROOM_ORIGIN_SECRET", ""],
    ["STRONGROOM_ORIGIN_SECRET", `${key},secret`],
    ["STRONGROOM_CELL", "third"],
    ["STRONGROOM_TIME_DIVISOR", "0"],
    ["STRONGROOM_TIME_DIVISOR", "fast"],
    ["STRONGROOM_JOBS", "0"],
    ["STRONGROOM_JOBS", "65"],
    ["STRONGROOM_JOBS", "1.5"],
    ["STRONGROOM_MAX_RETRIES", "0"],
    ["STRONGROOM_USER_CLAIM", ""],
    ["STRONGROOM_USER_CLAIM", "__proto__"],
    ["STRONGROOM_USER_CLAIM", "tenant"],
    ["STRONGROOM_TENANT_CLAIM", "sub"],
    ["STRONGROOM_TENANT_CLAIM", "secret claim"],
  ])("is refused for %s=%j, which is named and, since it may be secret, not shown", (name, value) => {
    const message = messageOf({ [name]: value });
    expect(message).toContain(name);
    expect(message).not.toContain("secret");
  });

  it.each([
    ["STRONGROOM_JOBS", "1"],
    ["STRONGROOM_JOBS", "64"],
    ["STRONGROOM_MAX_RETRIES", "1"],
    ["STRONGROOM_CELL", "odd"],
    ["STRONGROOM_USER_CLAIM", "oid"],
    ["STRONGROOM_TENANT_CLAIM", "https://example.com/tenant"],
  ])("takes %s=%s", (name, value) => expect(messageOf({ [name]: value })).toBe(""));
});

describe("the settings that an operator chose", () => {
  it.each([
    ["STRONGROOM_JOBS", "zero", "no whole number from 1 to 64"],
    ["STRONGROOM_JOBS", "0", "no whole number from 1 to 64"],
    ["STRONGROOM_JOBS", "65", "no whole number from 1 to 64"],
    ["STRONGROOM_JOBS", "1.5", "no whole number from 1 to 64"],
    ["STRONGROOM_MAX_RETRIES", "0", "no whole number from 1 up"],
    ["STRONGROOM_MAX_RETRIES", "1e300", "no whole number from 1 up"],
    ["STRONGROOM_BACKUP_DAYS", "-1.5", "no whole number from 0 to 36500"],
    ["STRONGROOM_TIME_DIVISOR", "0", "no number above 0"],
    ["STRONGROOM_TIME_DIVISOR", "fast", "no number above 0"],
    ["STRONGROOM_USER_CLAIM", "tenant", "one claim for both person and tenant"],
    ["STRONGROOM_TENANT_CLAIM", "sub", "one claim for both person and tenant"],
  ])("are refused in one sentence: %s=%s", (name, value, what) => {
    expect(() => checkSettings({ [name]: value })).toThrow(
      new Refusal("configuration_invalid", `${name} is ${value}, and that is ${what}.`),
    );
    expect(messageOf({ [name]: value })).toContain(what);
  });

  it("are all named at once when several are wrong, and need not be there", () => {
    const wrong = {
      STRONGROOM_JOBS: "0",
      STRONGROOM_BACKUP_DAYS: "many",
      STRONGROOM_USER_CLAIM: "tenant",
    };
    expect(() => checkSettings(wrong)).toThrow(
      /^STRONGROOM_JOBS is 0, .*\.\nSTRONGROOM_BACKUP_DAYS is many, .*\.\nSTRONGROOM_USER_CLAIM is tenant, .*\.$/,
    );
    for (const name of Object.keys(wrong)) expect(messageOf(wrong)).toContain(name);
    checkSettings({});
  });
});

it("names the claims of tokens, both or one of them", () => {
  const read = (given: Record<string, string>) => readConfig({ ...environment, ...given }).auth.claims;
  const [user, tenant] = ["https://example.com/person", "https://example.com/tenant"];
  expect(read({ STRONGROOM_USER_CLAIM: user, STRONGROOM_TENANT_CLAIM: tenant })).toEqual({ user, tenant });
  expect(read({ STRONGROOM_TENANT_CLAIM: tenant })).toEqual({ user: "sub", tenant });
  expect(read({ STRONGROOM_USER_CLAIM: "tenant", STRONGROOM_TENANT_CLAIM: "sub" })).toEqual({
    user: "tenant",
    tenant: "sub",
  });
  expect(() => read({ STRONGROOM_USER_CLAIM: "oid", STRONGROOM_TENANT_CLAIM: "oid" })).toThrow(
    "one claim for both person and tenant",
  );
});

it("takes one origin secret, or two while one replaces the other", () => {
  const read = (text: string) =>
    readConfig({ ...environment, STRONGROOM_ORIGIN_SECRET: text }).secrets.originSecrets.map((bytes) =>
      Buffer.from(bytes).toString("hex"),
    );
  const next = "f".repeat(64);
  expect(read(key)).toEqual([key]);
  expect(read(`${key},${next}`)).toEqual([key, next]);
});

describe("periods", () => {
  it("are all divided by one factor, so that their ratios stay", () => {
    const [whole, divided] = [
      dividePeriods(1),
      readConfig({ ...environment, STRONGROOM_TIME_DIVISOR: "15" }).periods,
    ];
    expect(divided.lease).toBe(3_000);
    for (const name of Object.keys(whole) as (keyof typeof whole)[])
      expect(divided[name]).toBe(Math.max(1, Math.round(whole[name] / 15)));
  });

  it("are never shorter than a millisecond", () => {
    expect(Object.values(dividePeriods(1e15)).every((ms) => ms === 1)).toBe(true);
  });

  it("fit one another: four missed beats end no lease, and no orphan is younger than a signed URL and 15 minutes", () => {
    const { lease, beat, orphanGrace, signedUrl, silence, visibility } = dividePeriods(1);
    expect(lease).toBeGreaterThan(4 * beat);
    expect(orphanGrace).toBeGreaterThanOrEqual(signedUrl + 15 * 60_000);
    expect(visibility).toBeGreaterThan(beat);
    expect(silence).toBeGreaterThan(beat);
  });
});

it("a connection written as a URL is read as it was, whatever stands in names and password", () => {
  const text = fc.string({ minLength: 1, unit: "grapheme" }).filter((value) => value.isWellFormed());
  const connection = fc.record({
    host: fc.constantFrom("127.0.0.1", "db.example.org"),
    port: fc.integer({ min: 1, max: 65_535 }),
    database: text,
    user: text,
    password: text,
  });
  fc.assert(
    fc.property(connection, (one) => {
      fc.pre(one.database !== "." && one.database !== "..");
      expect(parseConnection(formatConnection(one))).toEqual(one);
    }),
  );
});
