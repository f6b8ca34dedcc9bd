import { createHash, createPublicKey, verify } from "node:crypto";
import { describe, expect, test } from "vitest";
import { NotAsStored } from "../errors.ts";
import type { KeyContext, Keys } from "../ports/keys.ts";

const context: KeyContext = { app: "strongroom", tenant: "t-1", document: "d-1", attempt: "7" };

const otherContexts: [string, KeyContext][] = [
  ["a changed value", { ...context, tenant: "t-2" }],
  ["a pair less", { app: "strongroom", tenant: "t-1", document: "d-1" }],
  ["a pair more", { ...context, extra: "1" }],
  ["a renamed pair", { app: "strongroom", tenant: "t-1", document: "d-1", Attempt: "7" }],
  ["two values exchanged", { ...context, tenant: "d-1", document: "t-1" }],
  [
    "letters moved from a name to its value",
    { a: "ppstrongroom", tenant: "t-1", document: "d-1", attempt: "7" },
  ],
  ["nothing", {}],
];

/** Why a server behind an adapter cannot tell another context from ours, by the name of the case. */
export type KeyGaps = Partial<Record<string, string>>;

/** What any key adapter must pass. Each call of `open` connects anew to the same keys. */
export function keysContract(name: string, open: () => Promise<Keys>, gaps: KeyGaps = {}): void {
  describe(`${name}: data keys`, () => {
    test("are 32 bytes, new at every call, and name the root key that wraps them", async () => {
      const keys = await open();
      const made = await Promise.all(Array.from({ length: 20 }, () => keys.generateDataKey(context)));
      expect(new Set(made.map(({ plaintext }) => hex(plaintext))).size).toBe(20);
      expect(new Set(made.map(({ wrapped }) => hex(wrapped))).size).toBe(20);
      expect(new Set(made.map(({ plaintext }) => plaintext.length))).toEqual(new Set([32]));
      expect(new Set(made.map(({ rootKeyId }) => rootKeyId)).size).toBe(1);
      expect(made[0]?.rootKeyId).not.toBe("");
    });

    test("do not show in their wrapped form", async () => {
      const { plaintext, wrapped } = await (await open()).generateDataKey(context);
      expect(Buffer.from(wrapped).includes(hex(plaintext.subarray(0, 8)), 0, "hex")).toBe(false);
    });

    test("open again, in any order of the context and after a restart", async () => {
      const { plaintext, wrapped } = await (await open()).generateDataKey(context);
      const reversed = Object.fromEntries(Object.entries(context).reverse());
      expect(hex(await (await open()).openDataKey(wrapped, reversed))).toBe(hex(plaintext));
    });

    test("are the caller's own: wiping one leaves the next opening as it was", async () => {
      const keys = await open();
      const { plaintext, wrapped } = await keys.generateDataKey(context);
      const before = hex(plaintext);
      plaintext.fill(0);
      (await keys.openDataKey(wrapped, context)).fill(0);
      expect(hex(await keys.openDataKey(wrapped, context))).toBe(before);
    });

    for (const [title, other] of otherContexts) {
      const gap = gaps[title];
      const because = gap === undefined ? "" : ` (skipped: ${gap})`;
      test.skipIf(gap !== undefined)(`do not open under another context: ${title}${because}`, async () => {
        const keys = await open();
        const { wrapped } = await keys.generateDataKey(context);
        await expect(keys.openDataKey(wrapped, other)).rejects.toThrow();
      });
    }

    test("that do not open are told apart from an outage", async () => {
      const keys = await open();
      const { wrapped } = await keys.generateDataKey(context);
      const flipped = wrapped.with(-1, wrapped.at(-1)! ^ 1);
      await expect(keys.openDataKey(flipped, context)).rejects.toBeInstanceOf(NotAsStored);
      await expect(keys.openDataKey(wrapped, {})).rejects.toBeInstanceOf(NotAsStored);
    });

    test("do not open when a bit of the wrapped form differs, or it is cut or longer", async () => {
      const keys = await open();
      const { wrapped } = await keys.generateDataKey(context);
      const flipped = Array.from(wrapped, (byte, at) => wrapped.with(at, byte ^ (1 << (at % 8))));
      const longer = Uint8Array.of(...wrapped, 0);
      for (const damaged of [
        ...flipped,
        wrapped.subarray(1),
        wrapped.subarray(0, -1),
        longer,
        new Uint8Array(),
      ]) {
        await expect(keys.openDataKey(damaged, context)).rejects.toThrow();
      }
    });
  });

  describe(`${name}: signatures`, () => {
    test("are 64 bytes that verify under a published key, and under no other bytes", async () => {
      const keys = await open();
      const bytes = Buffer.from("a receipt");
      const { signature, kid } = await keys.sign(bytes);
      const published = (await keys.publicKeys()).find((key) => key.kid === kid);
      const key = {
        key: createPublicKey({ key: { ...published }, format: "jwk" }),
        dsaEncoding: "ieee-p1363",
      } as const;
      expect(signature.length).toBe(64);
      expect(verify("sha256", bytes, key, signature)).toBe(true);
      expect(verify("sha256", Buffer.from("b receipt"), key, signature)).toBe(false);
    });

    test("are made with the newest published key, before and after a restart", async () => {
      const { kid } = await (await open()).sign(Buffer.of(1));
      const [newest] = await (await open()).publicKeys();
      expect(newest?.kid).toBe(kid);
    });

    test("have keys that are named by their RFC 7638 thumbprint and hold no private part", async () => {
      for (const key of await (await open()).publicKeys()) {
        const { kty, crv, x, y, kid, ...rest } = key;
        expect(kid).toBe(createHash("sha256").update(JSON.stringify({ crv, kty, x, y })).digest("base64url"));
        expect(rest).toEqual({ alg: "ES256", use: "sig" });
      }
    });
  });
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
