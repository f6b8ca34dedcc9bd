import type { MediaType } from "@strongroom/core/document/rendering";

/** Bytes of a file's beginning that tell its type; a PDF header may hide within the first 1,024 (ISO 32000 annex H). */
export const sniffBytes = 4_096;

/** What a file's beginning shows: a type that is taken, or a plain name of what it seems to be instead. */
export type Sniffed = { mediaType: MediaType } | { mediaType: null; detected: string | null };

/** Tells the media type from content alone, null when it is none that is taken. */
export function sniff(head: Uint8Array): MediaType | null {
  return (
    taken.find(([, matches]) => matches(head))?.[0] ??
    (isoBrands(head).some((brand) => heicBrands.has(brand)) ? "image/heic" : null) ??
    (ascii(head, 0, 1_024).includes("%PDF-") ? "application/pdf" : null)
  );
}

/** Like `sniff`, with words for what is not taken ("a GIF image"); `detected` is null when nothing is known of it. */
export function describe(head: Uint8Array): Sniffed {
  const mediaType = sniff(head);
  return mediaType === null ? { mediaType, detected: unsupportedName(head) } : { mediaType };
}

type Matches = (head: Uint8Array) => boolean;
const at =
  (offset: number, ...signatures: string[]): Matches =>
  (head) =>
    signatures.some((signature) => ascii(head, offset, signature.length) === signature);
const both =
  (a: Matches, b: Matches): Matches =>
  (head) =>
    a(head) && b(head);

const isTiff = at(0, "II*\0", "MM\0*", "II+\0", "MM\0+");
const isCameraRaw: Matches = (head) => isTiff(head) && ascii(head, 8, 2) === "CR";

const taken: [MediaType, Matches][] = [
  ["image/jpeg", at(0, "\xff\xd8\xff")],
  ["image/png", at(0, "\x89PNG\r\n\x1a\n")],
  ["image/webp", both(at(0, "RIFF"), at(8, "WEBP"))],
  ["image/tiff", (head) => isTiff(head) && !isCameraRaw(head)],
];

/** Brands under which HEVC-coded still images travel (ISO 23008-12 annex B); mif1 and msf1 say nothing of the codec. */
const heicBrands = new Set(["heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs"]);
const avifBrands = new Set(["avif", "avis"]);

function isAvif(head: Uint8Array): boolean {
  return isoBrands(head).some((brand) => avifBrands.has(brand));
}

/** Major brand first, then the compatible ones; empty when the file does not begin with an `ftyp` box. */
function isoBrands(head: Uint8Array): string[] {
  if (!at(4, "ftyp")(head)) return [];
  const size = new DataView(head.buffer, head.byteOffset, head.byteLength).getUint32(0);
  const end = Math.min(size, head.length);
  const brands = [ascii(head, 8, 4)];
  for (let offset = 16; offset + 4 <= end; offset += 4) brands.push(ascii(head, offset, 4));
  return brands;
}

const unsupported: [string, Matches][] = [
  ["a GIF image", at(0, "GIF87a", "GIF89a")],
  ["a BMP image", both(at(0, "BM"), at(6, "\0\0\0\0"))],
  ["an AVIF image", isAvif],
  ["a camera raw image", isCameraRaw],
  ["a JPEG XL image", at(0, "\xff\x0a", "\0\0\0\x0cJXL ")],
  ["a JPEG 2000 image", at(0, "\xff\x4f\xff\x51", "\0\0\0\x0cjP  ")],
  ["a Photoshop image", at(0, "8BPS")],
  ["a DjVu document", at(0, "AT&TFORM")],
  ["a zip archive or an Office document", at(0, "PK\x03\x04", "PK\x05\x06")],
  ["an old Office document", at(0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")],
  ["an RTF document", at(0, "{\\rtf")],
  ["a PostScript document", at(0, "%!PS")],
  ["a RAR archive", at(0, "Rar!\x1a\x07")],
  ["a 7z archive", at(0, "7z\xbc\xaf\x27\x1c")],
  ["a gzip archive", at(0, "\x1f\x8b\x08")],
  ["a program", at(0, "MZ", "\x7fELF", "\xfe\xed\xfa\xce", "\xfe\xed\xfa\xcf", "\xcf\xfa\xed\xfe")],
  ["an audio file", (head) => at(0, "ID3", "OggS", "fLaC")(head) || both(at(0, "RIFF"), at(8, "WAVE"))(head)],
  ["a video", (head) => at(4, "ftyp", "moov")(head) || at(0, "\x1a\x45\xdf\xa3")(head)],
  ["a video", both(at(0, "RIFF"), at(8, "AVI "))],
];

function unsupportedName(head: Uint8Array): string | null {
  if (head.length === 0) return "an empty file";
  return unsupported.find(([, matches]) => matches(head))?.[0] ?? textName(head);
}

/** Names markup and plain text; null when the bytes are not UTF-8 text (the cut at the end may split a character). */
function textName(head: Uint8Array): string | null {
  const text = decodeText(head);
  if (text === null) return null;
  const start = text.trimStart().toLowerCase();
  if (/<svg[\s>]/.test(start)) return "an SVG drawing";
  if (start.startsWith("<!doctype html") || start.startsWith("<html")) return "a web page";
  if (start.startsWith("<?xml")) return "an XML file";
  return "a text file";
}

function decodeText(head: Uint8Array): string | null {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(head, { stream: true });
    // oxlint-disable-next-line no-control-regex -- control characters are what tells binary from text
    return /[\0-\x08\x0e-\x1a\x1c-\x1f]/.test(text) ? null : text;
  } catch {
    return null;
  }
}

function ascii(head: Uint8Array, offset: number, length: number): string {
  return String.fromCharCode(...head.subarray(offset, offset + length));
}
