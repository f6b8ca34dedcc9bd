import { constants, deflateRawSync, deflateSync } from "node:zlib";

const mebibyte = 1024 * 1024;

/**
 * A zlib stream (RFC 1950) of so many MiB of zeros, made in no time: one flushed block of a MiB, repeated. Layers above
 * the first compress the stream itself, so that each must be opened to find the next.
 */
export function zlibZeros(mebibytes: number, layers = 1): Buffer {
  const block = deflateRawSync(Buffer.alloc(mebibyte), { finishFlush: constants.Z_FULL_FLUSH });
  const trailer = Buffer.alloc(4);
  trailer.writeUInt32BE((((mebibytes * mebibyte) % 65_521) * 65_536 + 1) >>> 0); // Adler-32 of zeros
  const blocks = Array.from({ length: mebibytes }, () => block);
  let stream = Buffer.concat([Buffer.from([0x78, 0x9c]), ...blocks, Buffer.from([3, 0]), trailer]);
  for (let layer = 1; layer < layers; layer += 1) stream = deflateSync(stream, { level: 9 });
  return stream;
}
