/** What a camera wrote of itself, the moment and the place; absent fields were not written. */
export type ExifFacts = {
  make?: string;
  model?: string;
  /** 1 to 8, as in TIFF. */
  orientation?: number;
  /** Local time of the camera, ISO 8601, with an offset only if the camera wrote one. */
  takenAt?: string;
  /** Degrees, north and east positive. */
  latitude?: number;
  longitude?: number;
};

const tags = { make: 0x010f, model: 0x0110, orientation: 0x0112, exifIfd: 0x8769, gpsIfd: 0x8825 };
const exifTags = { takenAt: 0x9003, offset: 0x9011 };
const gpsTags = { latitudeRef: 1, latitude: 2, longitudeRef: 3, longitude: 4 };
const sizes: Record<number, number> = { 1: 1, 2: 1, 3: 2, 4: 4, 5: 8 };
const maxEntries = 512;

/** Reads five facts from a TIFF structure (EXIF without its "Exif\0\0"); anything malformed is left out, never thrown. */
export function readExif(tiff: Uint8Array): ExifFacts {
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength);
  if (tiff.length < 8) return {};
  const reader = new TiffReader(view, view.getUint16(0) === 0x4949);
  const main = reader.directory(reader.at(4, 4));
  const exif = reader.directory(main.get(tags.exifIfd)?.number() ?? 0);
  const gps = reader.directory(main.get(tags.gpsIfd)?.number() ?? 0);
  return present({
    make: main.get(tags.make)?.text(),
    model: main.get(tags.model)?.text(),
    orientation: main.get(tags.orientation)?.number(),
    takenAt: isoTime(exif.get(exifTags.takenAt)?.text(), exif.get(exifTags.offset)?.text()),
    latitude: degrees(gps.get(gpsTags.latitude)?.rationals(), gps.get(gpsTags.latitudeRef)?.text()),
    longitude: degrees(gps.get(gpsTags.longitude)?.rationals(), gps.get(gpsTags.longitudeRef)?.text()),
  });
}

type Entry = { text(): string | undefined; number(): number | undefined; rationals(): number[] };

class TiffReader {
  readonly #view: DataView;
  readonly #little: boolean;

  constructor(view: DataView, little: boolean) {
    this.#view = view;
    this.#little = little;
  }

  /** An unsigned number of 1, 2 or 4 bytes; 0 outside of the bytes. */
  at(offset: number, size: number): number {
    if (offset < 0 || offset + size > this.#view.byteLength) return 0;
    if (size === 1) return this.#view.getUint8(offset);
    return size === 2
      ? this.#view.getUint16(offset, this.#little)
      : this.#view.getUint32(offset, this.#little);
  }

  /** The entries of one directory by tag; offset 0 means that there is none. */
  directory(offset: number): Map<number, Entry> {
    const entries = new Map<number, Entry>();
    if (offset === 0) return entries;
    const count = Math.min(this.at(offset, 2), maxEntries);
    for (let index = 0; index < count; index += 1) {
      const at = offset + 2 + index * 12;
      entries.set(this.at(at, 2), this.#entry(at));
    }
    return entries;
  }

  #entry(at: number): Entry {
    const size = sizes[this.at(at + 2, 2)] ?? 0;
    const count = this.at(at + 4, 4);
    const start = size * count <= 4 ? at + 8 : this.at(at + 8, 4);
    const each = (read: (offset: number) => number, most: number) =>
      Array.from({ length: size === 0 ? 0 : Math.min(count, most) }, (_, index) =>
        read(start + index * size),
      );
    return {
      text: () =>
        String.fromCharCode(...each((o) => this.at(o, 1), 128))
          .replace(/\0.*$/s, "")
          .trim() || undefined,
      number: () => (size === 2 || size === 4 ? this.at(start, size) : undefined),
      rationals: () => each((o) => this.at(o, 4) / this.at(o + 4, 4), 3),
    };
  }
}

function isoTime(written: string | undefined, offset: string | undefined): string | undefined {
  const match = /^(\d{4}):(\d\d):(\d\d) (\d\d:\d\d:\d\d)$/.exec(written ?? "");
  if (!match) return undefined;
  const [, year, month, day, time] = match;
  return `${year}-${month}-${day}T${time}${/^[+-]\d\d:\d\d$/.test(offset ?? "") ? offset : ""}`;
}

function degrees(parts: number[] | undefined, reference: string | undefined): number | undefined {
  const [whole, minutes, seconds] = parts ?? [];
  const value = (whole ?? NaN) + (minutes ?? 0) / 60 + (seconds ?? 0) / 3600;
  if (!Number.isFinite(value)) return undefined;
  const rounded = Math.round(value * 1e7) / 1e7; // a centimetre
  return /^[SW]/.test(reference ?? "") ? -rounded : rounded;
}

function present(facts: { [name in keyof ExifFacts]: ExifFacts[name] | undefined }): ExifFacts {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined));
}
