const pad = (bytes: Uint8Array): Uint8Array =>
  bytes.length % 2 === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(1)]);

/** One RIFF chunk; `declared` is what it says of its length. */
export function riffChunk(name: string, data: Uint8Array, declared = data.length): Buffer {
  const head = Buffer.alloc(8);
  head.write(name, "latin1");
  head.writeUInt32LE(declared >>> 0, 4);
  return Buffer.concat([head, pad(data)]);
}

/** A WebP of these chunks. */
export function writeWebp(chunks: readonly Buffer[], declared?: number): Buffer {
  const body = Buffer.concat([Buffer.from("WEBP", "latin1"), ...chunks]);
  return riffChunk("RIFF", body, declared ?? body.length);
}

/** The chunk that holds the pixels of a simple WebP. */
export function pixelChunk(webp: Buffer): Buffer {
  return webp.subarray(12);
}

const uint24 = (value: number): number[] => [value & 255, (value >> 8) & 255, (value >> 16) & 255];

export const webpFlags = { icc: 0x20, exif: 0x08, xmp: 0x04, animation: 0x02 } as const;

/** The header of an extended WebP. */
export function extendedHeader(flags: number, width: number, height: number): Buffer {
  return riffChunk("VP8X", Buffer.from([flags, 0, 0, 0, ...uint24(width - 1), ...uint24(height - 1)]));
}

/** One frame of an animation around a chunk of pixels. */
export function animationFrame(pixels: Buffer, width: number, height: number, delayMs = 10): Buffer {
  const head = Buffer.from([
    ...uint24(0),
    ...uint24(0),
    ...uint24(width - 1),
    ...uint24(height - 1),
    ...uint24(delayMs),
    0,
  ]);
  return riffChunk("ANMF", Buffer.concat([head, pixels]));
}
