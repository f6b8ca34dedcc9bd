import { createHash, hash } from "node:crypto";
import { Transform } from "node:stream";
import { createFingerprint } from "./fingerprint.ts";

/** SHA-256 in 64 lower-case hex digits. */
export function sha256Hex(content: Uint8Array | string): string {
  return hash("sha256", content, "hex");
}

/** What is known of bytes when the last of them has been seen. */
export type Measured = { sha256: string; fingerprint: string; sizeBytes: number };

/** Sees bytes go by, and tells in the end what they are. */
export function createMeasure() {
  const [digest, fingerprint] = [createHash("sha256"), createFingerprint()];
  let sizeBytes = 0;
  return {
    update(bytes: Uint8Array): void {
      digest.update(bytes);
      fingerprint.update(bytes);
      sizeBytes += bytes.length;
    },
    end: (): Measured => ({ sha256: digest.digest("hex"), fingerprint: fingerprint.digest(), sizeBytes }),
  };
}

/**
 * A stream that passes bytes on unchanged and, at its end, tells what they are. Chunks come out as they went in: a stream
 * of plain bytes would copy those that wait for their reader into one.
 */
export function measuring(done: (measured: Measured) => void): Transform {
  const measure = createMeasure();
  return new Transform({
    readableObjectMode: true,
    readableHighWaterMark: 4,
    transform(chunk: Buffer, _encoding, next) {
      measure.update(chunk);
      next(null, chunk);
    },
    flush(next) {
      done(measure.end());
      next();
    },
  });
}
