/** What of a HEIC file its pixels do not say: the colour profile and the EXIF structure, null when there is none. */
export type HeicExtras = { icc: Uint8Array | null; exif: Uint8Array | null };

const maxBoxes = 10_000;
type Box = { type: string; start: number; end: number };

/** Finds profile and EXIF in the boxes of a HEIC file (ISO 14496-12, 23008-12); anything malformed reads as absent. */
export function readHeicExtras(bytes: Uint8Array): HeicExtras {
  try {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const meta = find(boxes(view, 0, bytes.length), "meta");
    const inside = meta ? boxes(view, meta.start + 4, meta.end) : [];
    return { icc: iccOf(bytes, view, inside), exif: exifOf(bytes, view, inside) };
  } catch (error) {
    if (error instanceof RangeError) return { icc: null, exif: null };
    throw error;
  }
}

function find(among: Box[], type: string): Box | undefined {
  return among.find((box) => box.type === type);
}

function boxes(view: DataView, from: number, to: number): Box[] {
  const found: Box[] = [];
  for (let at = from; at + 8 <= to && found.length < maxBoxes;) {
    const declared = view.getUint32(at);
    const isLong = declared === 1;
    const size = isLong ? Number(view.getBigUint64(at + 8)) : declared === 0 ? to - at : declared;
    if (size < 8 || at + size > to) break;
    found.push({ type: typeAt(view, at + 4), start: at + (isLong ? 16 : 8), end: at + size });
    at += size;
  }
  return found;
}

function typeAt(view: DataView, at: number): string {
  return String.fromCharCode(
    view.getUint8(at),
    view.getUint8(at + 1),
    view.getUint8(at + 2),
    view.getUint8(at + 3),
  );
}

function iccOf(bytes: Uint8Array, view: DataView, meta: Box[]): Uint8Array | null {
  const properties = find(meta, "iprp");
  const container = properties && find(boxes(view, properties.start, properties.end), "ipco");
  const colours = container
    ? boxes(view, container.start, container.end).filter(({ type }) => type === "colr")
    : [];
  const profile = colours.find(({ start }) => ["prof", "rICC"].includes(typeAt(view, start)));
  return profile ? bytes.subarray(profile.start + 4, profile.end) : null;
}

function exifOf(bytes: Uint8Array, view: DataView, meta: Box[]): Uint8Array | null {
  const item = exifItem(view, find(meta, "iinf"));
  const extent = item === null ? null : extentOf(view, find(meta, "iloc"), item);
  if (extent === null) return null;
  // Four bytes say how far the TIFF structure stands behind them ("Exif\0\0" in between, as a rule).
  const start = extent.start + 4 + view.getUint32(extent.start);
  return start < extent.end && extent.end <= bytes.length ? bytes.subarray(start, extent.end) : null;
}

function exifItem(view: DataView, info: Box | undefined): number | null {
  if (!info) return null;
  const first = info.start + (view.getUint8(info.start) === 0 ? 6 : 8);
  for (const { type, start } of boxes(view, first, info.end)) {
    const version = view.getUint8(start);
    if (type !== "infe" || version < 2) continue;
    const isWide = version >= 3;
    if (typeAt(view, start + (isWide ? 10 : 8)) === "Exif")
      return isWide ? view.getUint32(start + 4) : view.getUint16(start + 4);
  }
  return null;
}

/** The first extent of an item that lies in the file itself; items hardly ever have more for EXIF. */
function extentOf(
  view: DataView,
  locations: Box | undefined,
  item: number,
): { start: number; end: number } | null {
  if (!locations) return null;
  const version = view.getUint8(locations.start);
  const sizes = view.getUint16(locations.start + 4);
  const [offsetSize, lengthSize, baseSize] = [sizes >> 12, (sizes >> 8) & 15, (sizes >> 4) & 15];
  const indexSize = version > 0 ? sizes & 15 : 0;
  const idSize = version < 2 ? 2 : 4;
  let at = locations.start + 6;
  const take = (size: number): number => {
    const value =
      size === 8
        ? Number(view.getBigUint64(at))
        : size === 4
          ? view.getUint32(at)
          : size === 2
            ? view.getUint16(at)
            : 0;
    at += size;
    return value;
  };
  for (let left = take(idSize); left > 0 && at < locations.end; left -= 1) {
    const id = take(idSize);
    const inFile = version === 0 || (take(2) & 15) === 0;
    take(2);
    const base = take(baseSize);
    for (let extents = take(2), index = 0; index < extents; index += 1) {
      take(indexSize);
      const start = base + take(offsetSize);
      const length = take(lengthSize);
      if (id === item && inFile) return { start, end: start + length };
    }
  }
  return null;
}
