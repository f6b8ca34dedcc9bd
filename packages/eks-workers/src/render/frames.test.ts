import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeHeader, type Frame, FrameReader, maxHeaderBytes } from "./frames.ts";

function encoded(header: Record<string, unknown>, blobs: Uint8Array[]): Buffer {
  const head = encodeHeader(
    header,
    blobs.map((blob) => blob.length),
  );
  return Buffer.concat([head, ...blobs]);
}

describe("a frame between parent and child", () => {
  test("arrives the same however the socket cuts it", () => {
    const blobs = fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 4 });
    const header = fc.dictionary(
      fc.string().filter((key) => key !== "blobBytes" && key !== "__proto__"),
      fc.string(),
    );
    fc.assert(
      fc.property(header, blobs, fc.integer({ min: 1, max: 40 }), (sentHeader, sentBlobs, chunkBytes) => {
        const bytes = encoded(sentHeader, sentBlobs);
        const reader = new FrameReader(1_000);
        let frame: Frame | null = null;
        for (let at = 0; at < bytes.length; at += chunkBytes) {
          expect(frame).toBeNull();
          frame = reader.push(bytes.subarray(at, at + chunkBytes));
        }
        expect(frame!.header).toEqual(sentHeader);
        expect(frame!.blobs.map((blob) => [...blob])).toEqual(sentBlobs.map((blob) => [...blob]));
        for (const { buffer, length } of frame!.blobs) expect(buffer.byteLength).toBe(length); // each can be given back alone
      }),
    );
  });

  test("may hold as many bytes as allowed and not one more", () => {
    expect(new FrameReader(10).push(encoded({}, [new Uint8Array(10)]))).not.toBeNull();
    expect(() => new FrameReader(10).push(encoded({}, [new Uint8Array(11)]))).toThrow("above their limit");
  });

  test("may hold a thousand blobs and not one more, however empty they are", () => {
    const blobs = (count: number) => Array.from({ length: count }, () => new Uint8Array());
    expect(new FrameReader(10).push(encoded({}, blobs(1_000)))!.blobs).toHaveLength(1_000);
    expect(() => new FrameReader(10).push(encoded({}, blobs(1_001)))).toThrow("malformed");
  });

  test("costs no more than its bytes, into however many pieces and blobs a child cuts it", () => {
    const bytes = encoded(
      {},
      Array.from({ length: 1_000 }, () => new Uint8Array(100)),
    );
    const reader = new FrameReader(1_000_000);
    let frame: Frame | null = null;
    for (const byte of bytes) frame = reader.push(Buffer.of(byte));
    expect(frame!.blobs).toHaveLength(1_000);
  });

  test("is refused by its first four bytes when its header is above the limit", () => {
    const length = (headerBytes: number) => Buffer.from(Uint32Array.of(headerBytes).buffer); // little endian, as on the wire
    expect(new FrameReader(0).push(length(maxHeaderBytes))).toBeNull();
    expect(() => new FrameReader(0).push(length(maxHeaderBytes + 1))).toThrow("header above its limit");
  });

  test("is refused when more follows, or when its lengths are nonsense", () => {
    expect(() => new FrameReader(10).push(Buffer.concat([encoded({}, []), Buffer.from("x")]))).toThrow(
      "behind",
    );
    for (const blobBytes of [[-1], [0.5], ["1"], [2 ** 60], "none", null]) {
      const json = Buffer.from(JSON.stringify({ blobBytes }));
      const length = Buffer.alloc(4);
      length.writeUInt32LE(json.length);
      expect(() => new FrameReader(10).push(Buffer.concat([length, json]))).toThrow("malformed");
    }
  });
});
