import fc from "fast-check";
import { describe as suite, expect, test } from "vitest";
import { describe, sniff } from "./sniff.ts";

const bytes = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));
const ftyp = (major: string, ...compatible: string[]) =>
  bytes(
    `\0\0\0${String.fromCharCode(16 + compatible.length * 4)}ftyp${major}\0\0\0\0${compatible.join("")}\0\0\0\0meta`,
  );

suite("the type of a file", () => {
  test.each([
    ["a JPEG", "\xff\xd8\xff\xe1\0\x10Exif", "image/jpeg"],
    ["a PNG", "\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png"],
    ["a WebP", "RIFF\x24\0\0\0WEBPVP8 ", "image/webp"],
    ["a little-endian TIFF", "II*\0\x08\0\0\0\x05\0", "image/tiff"],
    ["a big-endian TIFF", "MM\0*\0\0\0\x08\0\x05", "image/tiff"],
    ["a BigTIFF", "II+\0\x08\0\0\0", "image/tiff"],
    ["a PDF", "%PDF-1.7\n", "application/pdf"],
    ["a PDF behind 1,019 bytes of junk", `${"j".repeat(1_019)}%PDF-1.7`, "application/pdf"],
  ])("%s is told by its first bytes", (_, head, expected) => {
    expect(sniff(bytes(head))).toBe(expected);
  });

  test.each([
    ["heic", ftyp("heic", "mif1", "heic")],
    ["a sequence", ftyp("hevc", "msf1")],
    ["a container brand that names heic as compatible", ftyp("mif1", "mif1", "heic")],
    ["ten bits", ftyp("heix")],
    ["several views", ftyp("heim")],
  ])("an HEIC file is told by its brands: %s", (_, head) => {
    expect(sniff(head)).toBe("image/heic");
  });

  test("a PDF header behind the first 1,024 bytes is none", () => {
    expect(sniff(bytes(`${"j".repeat(1_020)}%PDF-1.7`))).toBeNull();
  });

  test.each([
    ["a GIF image", "GIF89a\x01\0\x01\0"],
    ["an SVG drawing", '<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>'],
    ["a web page", "\n<!DOCTYPE html><title>502</title>"],
    ["an XML file", '<?xml version="1.0"?><a/>'],
    ["a BMP image", "BM\x36\0\0\0\0\0\0\0"],
    ["a zip archive or an Office document", "PK\x03\x04\x14\0"],
    ["an old Office document", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"],
    ["a camera raw image", "II*\0\x10\0\0\0CR\x02\0"],
    ["a video", "\x1a\x45\xdf\xa3"],
    ["a program", "\x7fELF\x02"],
    ["a text file", "Dear driver, see attached"],
    ["an empty file", ""],
  ])("what is not taken is called by a plain name: %s", (detected, head) => {
    expect(describe(bytes(head))).toEqual({ mediaType: null, detected });
  });

  test("an AVIF image and an MP4 video are not taken for HEIC", () => {
    expect(describe(ftyp("avif", "mif1"))).toEqual({ mediaType: null, detected: "an AVIF image" });
    expect(describe(ftyp("mif1", "mif1", "avif"))).toEqual({ mediaType: null, detected: "an AVIF image" });
    expect(describe(ftyp("isom", "mp42"))).toEqual({ mediaType: null, detected: "a video" });
  });

  test("unknown binary has no name", () => {
    expect(describe(Uint8Array.from([7, 0, 1, 200, 3]))).toEqual({ mediaType: null, detected: null });
  });

  test("any bytes have an answer", () => {
    const markers = fc.constantFrom("\0\0\0\x18ftyp", "II*\0", "RIFF", "%PDF-", "\xff\xd8").map(bytes);
    const heads = fc.tuple(fc.option(markers, { nil: new Uint8Array() }), fc.uint8Array({ maxLength: 64 }));
    fc.assert(
      fc.property(heads, ([marker, rest]) => {
        const head = Uint8Array.of(...marker, ...rest);
        expect(describe(head).mediaType).toBe(sniff(head));
      }),
    );
  });
});
