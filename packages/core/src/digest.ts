import { createHash } from "node:crypto";
import { Transform } from "node:stream";

/** SHA-256 in 64 lower-case hex digits. */
export function sha256Hex(content: Uint8Array | string): string {
  return createHash("sha256").update(content).digest("hex");
}

/** What went through a `measuring` stream, once it has ended. */
export type Measured = { sha256: string; sizeBytes: number };

/** A stream that passes bytes on unchanged and, at its end, tells their SHA-256 and number; when `done` throws, it fails. */
export function measuring(done: (measured: Measured) => void): Transform {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, next) {
      hash.update(chunk);
      sizeBytes += chunk.length;
      next(null, chunk);
    },
    flush(next) {
      try {
        done({ sha256: hash.digest("hex"), sizeBytes });
        next();
      } catch (error) {
        next(error as Error);
      }
    },
  });
}
