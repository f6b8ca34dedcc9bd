/** One marker segment with its length; the payload is cut at what a segment can hold. */
export function jpegSegment(marker: number, payload: Uint8Array): Buffer {
  const cut = payload.subarray(0, 65_533);
  const head = Buffer.from([0xff, marker, 0, 0]);
  head.writeUInt16BE(cut.length + 2, 2);
  return Buffer.concat([head, cut]);
}

/** The same picture with segments behind its first marker. */
export function withSegments(jpeg: Buffer, segments: readonly Buffer[]): Buffer {
  return Buffer.concat([jpeg.subarray(0, 2), ...segments, jpeg.subarray(2)]);
}

/** A segment of a file: `start` is its 0xFF, `end` the byte behind its payload. */
export type FoundSegment = { marker: number; start: number; end: number };

/** Segments up to the first scan, that one's header included; reads only what the markers say. */
export function findSegments(jpeg: Uint8Array): FoundSegment[] {
  const found: FoundSegment[] = [];
  for (let at = 2; at + 4 <= jpeg.length && jpeg[at] === 0xff;) {
    const marker = jpeg[at + 1]!;
    const end = at + 2 + ((jpeg[at + 2]! << 8) | jpeg[at + 3]!);
    found.push({ marker, start: at, end });
    if (marker === 0xda) break;
    at = end;
  }
  return found;
}

/** Where the first segment with this marker is. @throws when there is none: our generator is wrong. */
export function findSegment(jpeg: Uint8Array, marker: number): FoundSegment {
  const found = findSegments(jpeg).find((segment) => segment.marker === marker);
  if (!found) throw new Error(`no segment ${marker.toString(16)}`);
  return found;
}

/** A copy with the bytes from `at` on replaced. */
export function patched(bytes: Buffer, at: number, values: Uint8Array | number[]): Buffer {
  const copy = Buffer.from(bytes);
  copy.set(values, at);
  return copy;
}

/** The same file without what lies between two offsets. */
export function without(bytes: Buffer, { start, end }: { start: number; end: number }): Buffer {
  return Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]);
}

/** A copy whose frame header declares another size. */
export function withDeclaredSize(jpeg: Buffer, width: number, height: number): Buffer {
  const frame = findSegments(jpeg).find(({ marker }) => [0xc0, 0xc1, 0xc2].includes(marker))!;
  return patched(jpeg, frame.start + 5, [height >> 8, height & 255, width >> 8, width & 255]);
}

export const app1 = 0xe1;
export const app2 = 0xe2;
export const app13 = 0xed;
export const comment = 0xfe;

/** An EXIF segment around a TIFF structure. */
export function exifSegment(tiff: Uint8Array): Buffer {
  return jpegSegment(app1, Buffer.concat([Buffer.from("Exif\0\0", "latin1"), tiff]));
}

/** Segments of a colour profile, as ICC.1 annex B wants them. */
export function iccSegments(profile: Uint8Array): Buffer[] {
  const room = 65_519;
  const count = Math.ceil(profile.length / room);
  return Array.from({ length: count }, (_, index) =>
    jpegSegment(
      app2,
      Buffer.concat([
        Buffer.from("ICC_PROFILE\0", "latin1"),
        Buffer.from([index + 1, count & 255]),
        profile.subarray(index * room, (index + 1) * room),
      ]),
    ),
  );
}
