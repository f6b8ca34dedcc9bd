import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Measured, measuring, sha256Hex } from "./digest.ts";
import { fingerprintOf } from "./fingerprint.ts";

describe("SHA-256", () => {
  it.each([
    ["", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
    ["abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  ])("of %j is the published one, of text and of bytes", (text, digest) => {
    expect(sha256Hex(text)).toBe(digest);
    expect(sha256Hex(Buffer.from(text))).toBe(digest);
  });
});

const cut = fc.array(fc.uint8Array({ minLength: 1, maxLength: 10_000 }));
const streamOf = (chunks: Uint8Array[]) => Readable.from(chunks.map((chunk) => Buffer.from(chunk)));

describe("a measuring stream", () => {
  it("passes bytes on as they are and tells digest, fingerprint and number, however they are cut", async () => {
    await fc.assert(
      fc.asyncProperty(cut, async (chunks) => {
        const whole = Buffer.concat(chunks);
        const told: Measured[] = [];
        const out = await buffer(streamOf(chunks).pipe(measuring((measured) => void told.push(measured))));
        expect(out).toEqual(whole);
        expect(told).toEqual([
          {
            sha256: createHash("sha256").update(whole).digest("hex"),
            fingerprint: fingerprintOf(whole),
            sizeBytes: whole.length,
          },
        ]);
      }),
    );
  });

  it("tells nothing of bytes that did not come to their end", async () => {
    const told: Measured[] = [];
    const stream = measuring((measured) => void told.push(measured));
    stream.resume().write("half");
    const closed = new Promise((resolve) => stream.once("close", resolve));
    stream.destroy();
    await closed;
    expect(told).toEqual([]);
  });
});
