import fc from "fast-check";
import { generateKeyPairSync, sign } from "node:crypto";
import { readFile } from "node:fs/promises";
import { calculateJwkThumbprint, CompactSign } from "jose";
import { describe, expect, test } from "vitest";
import type { PublicKey } from "../ports/keys.ts";
import { type Signer, signCompact } from "./compact-jws.ts";
import { readReceipt, type ReceiptFacts, receiptPayload, receiptType, signReceipt } from "./receipt.ts";
import { verifyReceipt } from "./verify-receipt.ts";

const facts: ReceiptFacts = {
  iss: "https://strongroom.example",
  tenant: "0197a2b4-0000-7000-8000-000000000001",
  document: "0197a2b4-0000-7000-8000-000000000002",
  confirmationCode: "K7QD-3MXA",
  kind: "bill_of_lading",
  loadNumber: "L-1009",
  originals: [
    { position: 1, sha256: "a".repeat(64), sizeBytes: 10 },
    { position: 2, sha256: "b".repeat(64), sizeBytes: 20 },
  ],
  receivedAt: "2030-01-02T03:04:05.678Z",
  storedAt: "2030-01-02T03:04:09.999Z",
  keyId: "root-1",
  checkpoint: { sequence: 3, sha256: "c".repeat(64) },
};

const newKey = async () => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const jwk = publicKey.export({ format: "jwk" });
  const kid = await calculateJwkThumbprint(jwk as Record<string, string>);
  return { privateKey, publicKey: { ...jwk, kid, alg: "ES256", use: "sig" } as PublicKey };
};
const key = await newKey();
const otherKey = await newKey();
const signWith = (from: typeof key): Signer => ({
  publicKeys: async () => [from.publicKey],
  sign: async (bytes) => ({
    signature: sign("sha256", bytes, { key: from.privateKey, dsaEncoding: "ieee-p1363" }),
    kid: from.publicKey.kid,
  }),
});
const jwks = { keys: [otherKey.publicKey, key.publicKey] };
const receipt = await signReceipt(signWith(key), facts);
const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
const reasonFor = async (jws: string, keys = jwks) => {
  const check = await verifyReceipt(jws, keys);
  return check.outcome === "valid" ? "valid" : check.reason;
};

describe("a receipt", () => {
  test("verifies offline under the published key and says what was stored", async () => {
    const claims = { ...facts, iat: 1_893_553_449 };
    expect(readReceipt(receipt)).toEqual(claims);
    expect(await verifyReceipt(receipt, jwks)).toEqual({ outcome: "valid", claims, positions: [] });
    const header = JSON.parse(Buffer.from(receipt.split(".")[0]!, "base64url").toString());
    expect(header).toEqual({ alg: "ES256", typ: "strongroom-receipt+jwt", kid: key.publicKey.kid });
  });

  test("may have no load number and no checkpoint yet", async () => {
    const early = { ...facts, loadNumber: null, checkpoint: null };
    expect(await verifyReceipt(await signReceipt(signWith(key), early), jwks)).toMatchObject({
      claims: early,
    });
  });

  test("has the same payload for the same facts, in whatever order they are given", () => {
    const reversed = Object.fromEntries(Object.entries(facts).reverse()) as ReceiptFacts;
    expect(Buffer.from(receiptPayload(reversed)).equals(receiptPayload(facts))).toBe(true);
  });

  test.each([
    ["an upper-case hash", { originals: [{ position: 1, sha256: "A".repeat(64), sizeBytes: 1 }] }],
    ["a hash too short", { originals: [{ position: 1, sha256: "a".repeat(63), sizeBytes: 1 }] }],
    ["no original", { originals: [] }],
    ["position 0", { originals: [{ position: 0, sha256: "a".repeat(64), sizeBytes: 1 }] }],
    ["a negative size", { originals: [{ position: 1, sha256: "a".repeat(64), sizeBytes: -1 }] }],
    ["a time without zone", { storedAt: "2030-01-02T03:04:05" }],
    ["checkpoint 0", { checkpoint: { sequence: 0, sha256: "c".repeat(64) } }],
  ])("is not signed over %s", (_title, wrong) => {
    expect(() => receiptPayload({ ...facts, ...wrong })).toThrow();
  });

  test("finds each file at hand by hash and length", async () => {
    const [first, second] = facts.originals as [Original, Original];
    expect(await verifyReceipt(receipt, jwks, [second, first])).toMatchObject({
      outcome: "valid",
      positions: [2, 1],
    });
    for (const other of [
      { ...first, sizeBytes: 11 },
      { ...first, sha256: second.sha256 },
      { ...first, sha256: "" },
    ]) {
      const check = await verifyReceipt(receipt, jwks, [second, other]);
      expect(check).toEqual({ outcome: "invalid", reason: "original_not_listed" });
    }
  });

  test("does not verify when any one of its characters is another", async () => {
    const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
    const change = fc.tuple(fc.nat(receipt.length - 1), fc.constantFrom(...letters.split("")));
    await fc.assert(
      fc.asyncProperty(change, async ([at, letter]) => {
        fc.pre(receipt[at] !== letter);
        expect(await reasonFor(receipt.slice(0, at) + letter + receipt.slice(at + 1))).not.toBe("valid");
      }),
      { numRuns: 300 },
    );
  });

  test("has one spelling only: spare bits of its last character must be zero", async () => {
    const last = receipt.at(-1)!;
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (const letter of alphabet.replace(last, ""))
      expect(await reasonFor(receipt.slice(0, -1) + letter)).not.toBe("valid");
  });

  test("under a key that is not published is refused", async () => {
    expect(await reasonFor(receipt, { keys: [otherKey.publicKey] })).toBe("unknown_key");
    expect(await reasonFor(receipt, { keys: [] })).toBe("unknown_key");
    const renamed = { ...otherKey.publicKey, kid: key.publicKey.kid };
    expect(await reasonFor(receipt, { keys: [renamed] })).toBe("bad_signature");
    const offCurve = { ...key.publicKey, x: key.publicKey.y };
    expect(await reasonFor(receipt, { keys: [offCurve] })).not.toBe("valid");
    const symmetric = { kty: "oct", k: "AAAA", kid: key.publicKey.kid } as unknown as PublicKey;
    expect(await reasonFor(receipt, { keys: [symmetric] })).toBe("unknown_key");
  });

  test.each([
    ["another type", { typ: "JWT" }, "wrong_type"],
    ["a checkpoint's type", { typ: "strongroom-checkpoint+jwt" }, "wrong_type"],
    ["no type", { typ: undefined }, "malformed"],
    ["no key id", { kid: undefined }, "malformed"],
    ["algorithm none", { alg: "none" }, "bad_signature"],
    ["a symmetric algorithm", { alg: "HS256" }, "bad_signature"],
    ["a critical extension", { crit: ["b64"], b64: false }, "malformed"],
    ["a key of its own", { jwk: key.publicKey }, "malformed"],
  ])("with %s in its header is refused, though genuinely signed", async (_title, change, reason) => {
    const header = part({ alg: "ES256", typ: receiptType, kid: key.publicKey.kid, ...change });
    const input = `${header}.${receipt.split(".")[1]}`;
    const { signature } = await signWith(key).sign(Buffer.from(input));
    expect(await reasonFor(`${input}.${Buffer.from(signature).toString("base64url")}`)).toBe(reason);
  });

  test("that states something else, genuinely signed, is not a receipt", async () => {
    for (const payload of [
      json({}),
      json(null),
      json({ ...facts, iat: 1, document: "x" }),
      Buffer.from("{"),
    ]) {
      expect(await reasonFor(await signCompact(signWith(key), receiptType, payload))).toBe("not_a_receipt");
    }
  });

  test("with claims of a later version still verifies", async () => {
    const later = json({ ...facts, iat: 1, weather: "fair" });
    expect(await reasonFor(await signCompact(signWith(key), receiptType, later))).toBe("valid");
  });

  test.each(["", ".", "..", "a.b", "a.b.c", "a.b.c.d", " ", "{}"])("is not %j", async (text) => {
    expect(await reasonFor(text)).toBe("malformed");
    expect(readReceipt(text)).toBeNull();
  });

  test("signed by jose itself verifies: the form is the standard one", async () => {
    const header = { alg: "ES256", typ: receiptType, kid: key.publicKey.kid };
    const jws = await new CompactSign(receiptPayload(facts)).setProtectedHeader(header).sign(key.privateKey);
    expect(await reasonFor(jws)).toBe("valid");
  });
});

type Original = ReceiptFacts["originals"][number];

describe("signing", () => {
  test("names the key that signed, also when it is replaced at that moment", async () => {
    const jws = await signReceipt({ ...signWith(key), publicKeys: async () => [otherKey.publicKey] }, facts);
    expect(await reasonFor(jws, { keys: [key.publicKey] })).toBe("valid");
  });

  test("gives up when the key changes at every try", async () => {
    let count = 0;
    const restless: Signer = {
      ...signWith(key),
      sign: async () => ({ signature: new Uint8Array(64), kid: `k${(count += 1)}` }),
    };
    await expect(signReceipt(restless, facts)).rejects.toThrow("changed at every try");
  });
});

test("verifying pulls in jose and zod and nothing else, so that it can stand alone", async () => {
  const [seen, foreign] = [new Set<string>(), new Set<string>()];
  const follow = async (url: URL): Promise<void> => {
    if (seen.has(url.href)) return;
    seen.add(url.href);
    for (const [, name] of (await readFile(url, "utf8")).matchAll(/^import (?!type ).*from "(.+)";$/gm)) {
      if (name!.startsWith(".")) await follow(new URL(name!, url));
      else foreign.add(name!);
    }
  };
  await follow(new URL("./verify-receipt.ts", import.meta.url));
  expect([...foreign].sort()).toEqual(["jose", "zod"]);
});
