import { seededRandom } from "@strongroom/local/test-random";
import {
  broken,
  type End,
  foreign,
  heavy,
  inFamily,
  renderedOrBroken,
  type ToxicFile,
} from "../toxic-file.ts";

const unwanted = inFamily("foreign types");
const stub = inFamily("stubs and noise");

/** Beginnings of files that are not taken. */
const magics: Record<string, string> = {
  GIF: "GIF89a\x10\0\x10\0\0\0\0",
  BMP: "BM\x36\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0",
  AVIF: "\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf",
  "JPEG XL": "\0\0\0\x0cJXL \r\n\x87\n",
  "JPEG XL codestream": "\xff\x0a\x10\x10",
  "JPEG 2000": "\0\0\0\x0cjP  \r\n\x87\n",
  "camera raw": "II*\0\x10\0\0\0CR\x02\0",
  Photoshop: "8BPS\0\x01\0\0\0\0\0\0",
  DjVu: "AT&TFORM\0\0\0\0DJVU",
  zip: "PK\x03\x04\x14\0\0\0\0\0",
  "an old Office document": "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
  RTF: "{\\rtf1\\ansi ",
  PostScript: "%!PS-Adobe-3.0 EPSF-3.0\n",
  RAR: "Rar!\x1a\x07\x01\0",
  "7z": "7z\xbc\xaf\x27\x1c",
  gzip: "\x1f\x8b\x08\0\0\0\0\0",
  xz: "\xfd7zXZ\0",
  "a Windows program": "MZ\x90\0\x03\0\0\0",
  "a Linux program": "\x7fELF\x02\x01\x01\0",
  "a Java class": "\xca\xfe\xba\xbe\0\0\0\x34",
  MP3: "ID3\x03\0\0\0\0\0\0",
  WAV: "RIFF\x24\0\0\0WAVEfmt ",
  AVI: "RIFF\x24\0\0\0AVI LIST",
  MP4: "\0\0\0\x18ftypmp42\0\0\0\0mp42isom",
  QuickTime: "\0\0\0\x08moov",
  Matroska: "\x1aE\xdf\xa3",
  "a SQLite database": "SQLite format 3\0",
  "a Windows link": "L\0\0\0\x01\x14\x02\0",
  "an OpenEXR image": "\x76\x2f\x31\x01",
  "a FITS image": "SIMPLE  =                    T",
  "a PNM image": "P6\n10 10\n255\n",
  "an ICO image": "\0\0\x01\0\x01\0\x10\x10",
};

/** Beginnings of files that are taken, and what may come of noise behind them. */
const ours: Record<string, { magic: string; ends: readonly End[] }> = {
  jpeg: { magic: "\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0", ends: broken },
  png: { magic: "\x89PNG\r\n\x1a\n", ends: broken },
  webp: { magic: "RIFF\xff\0\0\0WEBPVP8 ", ends: broken },
  "webp lossless": { magic: "RIFF\xff\0\0\0WEBPVP8L", ends: broken },
  tiff: { magic: "II*\0\x08\0\0\0", ends: renderedOrBroken },
  "tiff of Motorola": { magic: "MM\0*\0\0\0\x08", ends: renderedOrBroken },
  "tiff of 64 bits": { magic: "II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0", ends: renderedOrBroken },
  heic: { magic: "\0\0\0\x18ftypheic\0\0\0\0mif1heic", ends: broken },
  pdf: { magic: "%PDF-1.7\n", ends: heavy },
};

/** Everything that is no photo and no PDF, by its own beginning. */
export function foreignTypes(seed: number): ToxicFile[] {
  const text = [
    unwanted("jpeg that is a text", Buffer.from("Dear all,\nhere is the delivery note.\n"), foreign),
    unwanted("jpeg that is a text of emoji", Buffer.from("🚚".repeat(500)), foreign),
    unwanted("jpeg that is zeros", Buffer.alloc(100_000), foreign),
    unwanted("jpeg that is random bytes", noise(100_000, seed), foreign),
  ];
  return [
    ...text,
    ...Object.entries(magics).map(([name, magic]) =>
      unwanted(`jpeg that is ${name}`, Buffer.concat([latin(magic), noise(3_000, seed)]), foreign),
    ),
  ];
}

/** Next to nothing, and noise behind each magic number. */
export function stubsAndNoise(seed: number): ToxicFile[] {
  const tiny = [
    stub("jpeg of no bytes", Buffer.alloc(0), ["refused empty_file"]),
    ...[0x00, 0x0a, 0x25, 0x42, 0x89, 0xff].map((byte) =>
      stub(`jpeg of the one byte ${byte}`, Buffer.from([byte]), foreign),
    ),
  ];
  const magic = Object.entries(ours).flatMap(([name, { magic: text, ends }]) => [
    stub(`${name} that is its magic number alone`, latin(text), broken),
    stub(`${name} of noise`, Buffer.concat([latin(text), noise(20_000, seed)]), ends),
    stub(`${name} of zeros`, Buffer.concat([latin(text), Buffer.alloc(20_000)]), ends),
    stub(`${name} of 0xFF`, Buffer.concat([latin(text), Buffer.alloc(20_000, 0xff)]), ends),
  ]);
  return [...tiny, ...magic];
}

const latin = (text: string): Buffer => Buffer.from(text, "latin1");

/** Bytes that a seed decides. */
export function noise(length: number, seed: number): Buffer {
  const random = seededRandom(seed);
  return Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)));
}
