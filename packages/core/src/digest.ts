import { createHash, hash } from "node:crypto";
import { Transform } from "node:stream";

/** SHA-256 in 64 lower-case hex digits. */
export function sha256Hex(content: Uint8Array | string): string {
  return hash("sha256", content, "hex");
}

/** What went through a `measuring` stream, once it has ended. */
export type Measured = { sha256: string; sizeBytes: number };

/**
 * A stream that passes bytes on unchanged and, at its end, tells their SHA-256 and number; when `done` throws, it fails.
 * Chunks come out as they went in: a stream of plain bytes would copy those that wait for their reader into one.
 */
export function measuring(done: (measured: Measured) => void): Transform {
  const digest = createHash("sha256");
  let sizeBytes = 0;
  return new Transform({
    readableObjectMode: true,
    readableHighWaterMark: 4,
    transform(chunk: Buffer, _encoding, next) {
      digest.update(chunk);
      sizeBytes += chunk.length;
      next(null, chunk);
    },
    flush(next) {
      try {
        done({ sha256: digest.digest("hex"), sizeBytes });
        next();
      } catch (error) {
        next(error as Error);
      }
    },
  });
}

/**
 * SHA-256 and number of the bytes of a stream that nobody else reads. Their memory is given back at once: left to the
 * collector, 50 MB of it cost more CPU than their digest.
 */
export async function measureAll(source: AsyncIterable<Uint8Array>): Promise<Measured> {
  const digest = createHash("sha256");
  let sizeBytes = 0;
  for await (const chunk of source) {
    digest.update(chunk);
    sizeBytes += chunk.length;
    const { buffer } = chunk;
    // Only what is the chunk's own: small ones share their memory with others.
    if (buffer instanceof ArrayBuffer && buffer.byteLength === chunk.length) buffer.transfer(0);
  }
  return { sha256: digest.digest("hex"), sizeBytes };
}
