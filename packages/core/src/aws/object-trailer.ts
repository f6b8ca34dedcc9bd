import { createHash } from "node:crypto";
import { Transform } from "node:stream";

/** Bytes of the body per chunk of its framing; S3 takes none below 8 KiB. */
const chunkBytes = 64 * 1024;
const trailerName = "x-amz-checksum-sha256";
/** A SHA-256 in base64. */
const digestCharacters = 44;

/** Headers that say to S3 that the body is framed, and that its SHA-256 follows. */
export const trailerHeaders = (sizeBytes: number): Record<string, string> => ({
  "content-encoding": "aws-chunked",
  "content-length": String(framedBytes(sizeBytes)),
  "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
  "x-amz-decoded-content-length": String(sizeBytes),
  "x-amz-sdk-checksum-algorithm": "SHA256",
  "x-amz-trailer": trailerName,
});

/** Length of a body of so many bytes with its frames and trailer. */
export function framedBytes(sizeBytes: number): number {
  const rest = sizeBytes % chunkBytes;
  const whole = (sizeBytes - rest) / chunkBytes;
  const trailer = "0\r\n".length + `${trailerName}:`.length + digestCharacters + "\r\n\r\n".length;
  return whole * frameBytes(chunkBytes) + (rest === 0 ? 0 : frameBytes(rest)) + trailer;
}

const frameBytes = (bytes: number): number => bytes.toString(16).length + bytes + "\r\n\r\n".length;

/**
 * Frames so many bytes as S3's `aws-chunked` and puts their SHA-256 behind them; fails, before its end, when there are
 * more or fewer. `sha256`, in hex, is the sender's own and spares taking it here; S3 compares it all the same.
 * The SDK has such a stream of its own, which ends the process when the body fails.
 */
export function framing(sizeBytes: number, sha256?: () => string): Transform {
  const hash = sha256 ? null : createHash("sha256");
  const digest = () => (sha256 ? Buffer.from(sha256(), "hex").toString("base64") : hash!.digest("base64"));
  let [seen, held, heldBytes] = [0, [] as Buffer[], 0];
  return new Transform({
    transform(data: Buffer, _encoding, next) {
      seen += data.length;
      if (seen > sizeBytes) return next(new Error(`a body of ${sizeBytes} bytes went on`));
      hash?.update(data);
      held.push(data);
      heldBytes += data.length;
      if (heldBytes < chunkBytes) return next();
      const all = Buffer.concat(held, heldBytes);
      let at = 0;
      for (; heldBytes - at >= chunkBytes; at += chunkBytes)
        this.push(frame(all.subarray(at, at + chunkBytes)));
      held = [all.subarray(at)];
      heldBytes -= at;
      next();
    },
    flush(next) {
      if (seen !== sizeBytes) return next(new Error(`a body ended after ${seen} of ${sizeBytes} bytes`));
      if (heldBytes > 0) this.push(frame(Buffer.concat(held, heldBytes)));
      next(null, `0\r\n${trailerName}:${digest()}\r\n\r\n`);
    },
  });
}

const frame = (data: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`${data.length.toString(16)}\r\n`), data, Buffer.from("\r\n")]);
