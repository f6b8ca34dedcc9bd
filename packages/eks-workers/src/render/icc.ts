const name = Buffer.from("ICC_PROFILE\0", "latin1");
const startOfScan = 0xda;
const chunkBytes = 65_533 - name.length - 2;

/**
 * Puts an ICC profile into a JPEG, in APP2 segments as ICC.1 annex B says, in place of the one that it has.
 * `jpeg` begins with SOI; a profile above 255 segments (16 MB) is left out.
 */
export function withIccProfile(original: Uint8Array, icc: Uint8Array): Uint8Array {
  const jpeg = withoutIccProfile(original);
  const count = Math.ceil(icc.length / chunkBytes);
  if (count === 0 || count > 255) return jpeg;
  const segments = Array.from({ length: count }, (_, index) =>
    segment(icc.subarray(index * chunkBytes, (index + 1) * chunkBytes), index + 1, count),
  );
  const at = afterJfif(jpeg);
  return Buffer.concat([jpeg.subarray(0, at), ...segments, jpeg.subarray(at)]);
}

function withoutIccProfile(jpeg: Uint8Array): Uint8Array {
  const kept: Uint8Array[] = [];
  let from = 0;
  let at = 2;
  while (jpeg[at] === 0xff && jpeg[at + 1] !== startOfScan && at + 4 <= jpeg.length) {
    const end = at + 2 + (jpeg[at + 2]! << 8) + jpeg[at + 3]!;
    const isProfile = jpeg[at + 1] === 0xe2 && name.equals(jpeg.subarray(at + 4, at + 4 + name.length));
    if (isProfile) {
      kept.push(jpeg.subarray(from, at));
      from = end;
    }
    at = end;
  }
  return from === 0 ? jpeg : Buffer.concat([...kept, jpeg.subarray(from)]);
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
