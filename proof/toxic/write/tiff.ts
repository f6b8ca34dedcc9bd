/** Types of TIFF values with their sizes in bytes. */
export const tiffTypes = { byte: 1, ascii: 2, short: 3, long: 4, rational: 5, undefined: 7 } as const;
const sizes: Record<number, number> = { 1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1 };

/**
 * One field of a directory. `data` are its bytes in place of `values`; `count` and `offset` say in the directory what is
 * not so. `directory` points at another directory.
 */
export type TiffField = {
  tag: number;
  type: number;
  values?: readonly number[];
  data?: Uint8Array;
  count?: number;
  offset?: number;
  directory?: readonly TiffField[];
};

type Options = {
  /** Offset of the directory that follows each one; null: the true one. */
  next?: (index: number, offsets: readonly number[]) => number | null;
  /** Bytes behind the header, before the first directory: at offset 8. */
  pixels?: Uint8Array;
};

/** A little-endian TIFF structure of these directories, one behind the other; EXIF is one as well. */
export function writeTiff(directories: readonly (readonly TiffField[])[], options: Options = {}): Buffer {
  const { next = () => null, pixels = new Uint8Array(0) } = options;
  const pieces: Buffer[] = [Buffer.from("II*\0\0\0\0\0", "latin1"), Buffer.from(pixels)];
  let at = 8 + pixels.length;
  const append = (piece: Buffer): number => {
    const offset = at;
    pieces.push(piece);
    at += piece.length;
    return offset;
  };
  const links: { piece: Buffer; offset: number }[] = [];
  for (const fields of directories) {
    const piece = directoryOf(fields, append);
    links.push({ piece, offset: append(piece) });
  }
  const offsets = links.map(({ offset }) => offset);
  links.forEach(({ piece }, index) => {
    const follower = next(index, offsets) ?? offsets[index + 1] ?? 0;
    piece.writeUInt32LE(follower >>> 0, piece.length - 4);
  });
  pieces[0]!.writeUInt32LE(offsets[0] ?? 0, 4);
  return Buffer.concat(pieces);
}

/** The bytes of a directory; what does not fit into it is appended before. */
function directoryOf(fields: readonly TiffField[], append: (piece: Buffer) => number): Buffer {
  const piece = Buffer.alloc(2 + fields.length * 12 + 4);
  piece.writeUInt16LE(fields.length & 0xffff, 0);
  fields.forEach((field, index) => {
    const at = 2 + index * 12;
    const { bytes, count } = valueOf(field, append);
    piece.writeUInt16LE(field.tag, at);
    piece.writeUInt16LE(field.type, at + 2);
    piece.writeUInt32LE((field.count ?? count) >>> 0, at + 4);
    if (field.offset !== undefined) piece.writeUInt32LE(field.offset >>> 0, at + 8);
    else if (bytes.length <= 4) bytes.copy(piece, at + 8);
    else piece.writeUInt32LE(append(bytes), at + 8);
  });
  return piece;
}

function valueOf(field: TiffField, append: (piece: Buffer) => number): { bytes: Buffer; count: number } {
  if (field.directory) {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(append(directoryOf(field.directory, append)), 0);
    return { bytes, count: 1 };
  }
  if (field.data)
    return { bytes: Buffer.from(field.data), count: field.data.length / (sizes[field.type] ?? 1) };
  const values = field.values ?? [];
  const size = sizes[field.type] ?? 1;
  const bytes = Buffer.alloc(values.length * size);
  values.forEach((value, index) => {
    if (size === 2) bytes.writeUInt16LE(value, index * 2);
    else if (size === 4) bytes.writeUInt32LE(value >>> 0, index * 4);
    else if (size === 8) bytes.writeBigUInt64LE(BigInt(Math.round(value * 1000)) | (1000n << 32n), index * 8);
    else bytes[index] = value;
  });
  return { bytes, count: values.length };
}

/** A text field, ended by NUL. */
export const ascii = (tag: number, text: string): TiffField => ({
  tag,
  type: tiffTypes.ascii,
  data: Buffer.from(`${text}\0`),
});
export const short = (tag: number, ...values: number[]): TiffField => ({
  tag,
  type: tiffTypes.short,
  values,
});
export const long = (tag: number, ...values: number[]): TiffField => ({ tag, type: tiffTypes.long, values });

type Picture = {
  width: number;
  height: number;
  compression: number;
  samples: 1 | 3;
  bytes: number;
  offset?: number;
  more?: readonly TiffField[];
};

/** Fields of a picture whose pixels are one strip behind the header. */
export function pictureFields({
  width,
  height,
  compression,
  samples,
  bytes,
  offset = 8,
  more = [],
}: Picture): TiffField[] {
  return [
    long(256, width),
    long(257, height),
    short(258, ...Array.from({ length: samples }, () => 8)),
    short(259, compression),
    short(262, samples === 3 ? 2 : 1),
    long(273, offset),
    short(277, samples),
    long(278, height),
    long(279, bytes),
    ...more,
  ].toSorted((a, b) => a.tag - b.tag);
}
