/** What a tag may hold, by its type: how many bytes such a value has, null when it is no such value. */
const valueBytes: Record<string, (view: DataView) => number | null> = {
  "XYZ ": () => 20,
  sf32: () => 44,
  curv: (view) => (view.getUint32(8) <= maxCurvePoints ? 12 + view.getUint32(8) * 2 : null),
  para: (view) => parametricBytes[view.getUint16(8)] ?? null,
};
const maxCurvePoints = 4_096;
/** By kind of function (ICC.1 table 68). */
const parametricBytes = [16, 24, 28, 32, 40];

const needed: Record<string, readonly string[]> = {
  "RGB ": ["wtpt", "rXYZ", "gXYZ", "bXYZ", "rTRC", "gTRC", "bTRC"],
  GRAY: ["wtpt", "kTRC"],
};
const headerBytes = 128;
const maxTags = 100;
const deviceClasses = ["scnr", "mntr", "prtr", "spac"];
/** Of the profile connection space: D50, as every profile must say (ICC.1, 7.2.16). */
const illuminant = [0x00, 0x00, 0xf6, 0xd6, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0xd3, 0x2d];

/**
 * A profile that says of colours what the given one says, and nothing else: curves, primaries and white point of an RGB
 * or grey profile, written anew. A profile may hold anything in tags of its own, and renditions carry no freight.
 * Null for what is no such profile (tables of colours, other colour spaces, malformed ones).
 */
export function plainProfile(icc: Uint8Array): Uint8Array | null {
  const view = new DataView(icc.buffer, icc.byteOffset, icc.byteLength);
  try {
    return rewritten(icc, view);
  } catch (error) {
    if (error instanceof RangeError) return null; // it says to read beyond its end
    throw error;
  }
}

function rewritten(icc: Uint8Array, view: DataView): Uint8Array | null {
  const major = view.getUint8(8);
  const dataSpace = text(icc, 16);
  const names = needed[dataSpace];
  if (text(icc, 36) !== "acsp" || !names || ![2, 4].includes(major)) return null;
  if (!deviceClasses.includes(text(icc, 12)) || text(icc, 20) !== "XYZ ") return null;
  const tags = readTags(icc, view);
  if (!names.every((name) => tags.has(name))) return null;
  const kept = [...names, "chad"].flatMap((name): Tag[] => {
    const data = tags.get(name);
    return data ? [{ name, data }] : [];
  });
  const words = (name: string, said: string): Tag => ({
    name,
    data: major === 2 ? oldText(name, said) : newText(said),
  });
  const all = [words("desc", "Colours of the original"), words("cprt", "None"), ...kept];
  return write(headerOf(icc, view), all);
}

type Tag = { name: string; data: Buffer };

function readTags(icc: Uint8Array, view: DataView): Map<string, Buffer> {
  const tags = new Map<string, Buffer>();
  const count = Math.min(view.getUint32(headerBytes), maxTags);
  for (let at = headerBytes + 4; at < headerBytes + 4 + count * 12; at += 12) {
    const [offset, length] = [view.getUint32(at + 4), view.getUint32(at + 8)];
    const bytes =
      valueBytes[text(icc, offset)]?.(new DataView(icc.buffer, icc.byteOffset + offset, length)) ?? null;
    if (bytes !== null && bytes <= length)
      tags.set(text(icc, at), Buffer.from(icc.subarray(offset, offset + bytes)));
  }
  return tags;
}

/** Version, class, colour spaces and intent; all that names a maker, a device or a day stays empty. */
function headerOf(icc: Uint8Array, view: DataView): Buffer {
  const header = Buffer.alloc(headerBytes);
  header.set(icc.subarray(8, 10), 8);
  header.set(icc.subarray(12, 24), 12);
  header.write("acsp", 36, "latin1");
  header[67] = view.getUint8(67) & 3;
  header.set(illuminant, 68);
  return header;
}

function write(header: Buffer, tags: readonly Tag[]): Buffer {
  const table = Buffer.alloc(4 + tags.length * 12);
  table.writeUInt32BE(tags.length, 0);
  let at = header.length + table.length;
  const padded = tags.map(({ name, data }, index) => {
    const value = Buffer.concat([data, Buffer.alloc(-data.length & 3)]);
    table.write(name, 4 + index * 12, "latin1");
    table.writeUInt32BE(at, 8 + index * 12);
    table.writeUInt32BE(data.length, 12 + index * 12);
    at += value.length;
    return value;
  });
  header.writeUInt32BE(at, 0);
  return Buffer.concat([header, table, ...padded]);
}

/** Text of version 2: a description has two more, empty forms behind it. */
function oldText(name: string, said: string): Buffer {
  if (name !== "desc") return Buffer.from(`text\0\0\0\0${said}\0`, "latin1");
  const head = Buffer.from(`desc\0\0\0\0\0\0\0\0${said}\0`, "latin1");
  head.writeUInt32BE(said.length + 1, 8);
  return Buffer.concat([head, Buffer.alloc(78)]);
}

/** Text of version 4: one record, in English. */
function newText(said: string): Buffer {
  const head = Buffer.from("mluc\0\0\0\0\0\0\0\x01\0\0\0\x0cenUS\0\0\0\0\0\0\0\x1c", "latin1");
  const words = Buffer.from(said, "utf16le").swap16();
  head.writeUInt32BE(words.length, 20);
  return Buffer.concat([head, words]);
}

function text(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}
