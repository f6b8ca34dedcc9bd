import { generateKeyPairSync, sign, verify } from "node:crypto";
import { expect, it } from "vitest";
import { rawSignature } from "./ecdsa-signature.ts";

const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });

it("a thousand signatures in DER verify in their raw form, those with short numbers among them", () => {
  const shapes = new Set<number>();
  for (let round = 0; round < 1000; round += 1) {
    const bytes = Buffer.from(`receipt ${round}`);
    const der = sign("sha256", bytes, privateKey);
    shapes.add(der.length);
    const raw = rawSignature(der);
    expect(raw).toHaveLength(64);
    expect(verify("sha256", bytes, { key: publicKey, dsaEncoding: "ieee-p1363" }, raw)).toBe(true);
  }
  expect(shapes.size).toBeGreaterThan(2);
});

const small = Buffer.from([0x30, 6, 2, 1, 7, 2, 1, 9]);

it("numbers of one byte are padded to 32", () => {
  const expected = Buffer.alloc(64);
  [expected[31], expected[63]] = [7, 9];
  expect(Buffer.from(rawSignature(small)).equals(expected)).toBe(true);
});

const tooLong = Buffer.from([0x30, 38, 2, 33, 1, ...Buffer.alloc(32), 2, 1, 9]);
it.each([
  ["is empty", Buffer.alloc(0)],
  ["is no sequence", Buffer.from([0x31, ...small.subarray(1)])],
  ["ends early", small.subarray(0, -1)],
  ["goes on", Buffer.from([...small, 0])],
  ["holds something else than integers", Buffer.from([0x30, 6, 4, 1, 7, 2, 1, 9])],
  ["holds an integer that ends after it", Buffer.from([0x30, 6, 2, 1, 7, 2, 9, 9])],
  ["holds one integer", Buffer.from([0x30, 3, 2, 1, 7])],
  ["holds three integers", Buffer.from([0x30, 9, ...small.subarray(2), 2, 1, 1])],
  ["holds an empty integer", Buffer.from([0x30, 5, 2, 0, 2, 1, 9])],
  ["holds an integer of 33 bytes", tooLong],
  ["holds a negative integer", Buffer.from([0x30, 6, 2, 1, 0x80, 2, 1, 9])],
  ["holds an integer after a zero that it does not need", Buffer.from([0x30, 7, 2, 2, 0, 7, 2, 1, 9])],
])("what %s is no signature", (_, der) => {
  expect(() => rawSignature(der)).toThrow("not an ECDSA signature in DER");
});
