const name = Buffer.from("ICC_PROFILE\0", "latin1");
const chunkBytes = 65_533 - name.length - 2;

/**
 * Puts an ICC profile into a JPEG, in APP2 segments as ICC.1 annex B says; for pixels that came without a file.
 * `jpeg` begins with SOI; a profile above 255 segments (16 MB) is left out.
 */
export function withIccProfile(jpeg: Uint8Array, icc: Uint8Array): Uint8Array {
  const count = Math.ceil(icc.length / chunkBytes);
  if (count === 0 || count > 255) return jpeg;
  const segments = Array.from({ length: count }, (_, index) =>
    segment(icc.subarray(index * chunkBytes, (index + 1) * chunkBytes), index + 1, count),
  );
  const at = afterJfif(jpeg);
  return Buffer.concat([jpeg.subarray(0, at), ...segments, jpeg.subarray(at)]);
}

function segment(chunk: Uint8Array, number: number, count: number): Uint8Array {
  const head = Buffer.from([0xff, 0xe2, 0, 0]);
  head.writeUInt16BE(2 + name.length + 2 + chunk.length, 2);
  return Buffer.concat([head, name, Buffer.from([number, count]), chunk]);
}

/** JFIF wants its own segment first. */
function afterJfif(jpeg: Uint8Array): number {
  const isJfif = jpeg[2] === 0xff && jpeg[3] === 0xe0;
  return isJfif ? 4 + ((jpeg[4] ?? 0) << 8) + (jpeg[5] ?? 0) : 2;
}
