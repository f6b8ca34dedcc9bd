import { randomBytes } from "node:crypto";

/** A comment segment of JPEG holds at most 65,535 bytes with its own length. */
const segmentBytes = 65_533;

/** The same picture as a longer file: comments without meaning after its first marker. Any JPEG reader passes over them. */
export function padJpeg(jpeg: Uint8Array, toBytes: number): Uint8Array {
  const pieces: Uint8Array[] = [jpeg.subarray(0, 2)];
  for (let left = toBytes - jpeg.length; left > 0;) {
    const size = Math.max(1, Math.min(segmentBytes, left - 4));
    pieces.push(Uint8Array.of(0xff, 0xfe, (size + 2) >> 8, (size + 2) & 0xff), randomBytes(size));
    left -= size + 4;
  }
  pieces.push(jpeg.subarray(2));
  return Buffer.concat(pieces);
}
