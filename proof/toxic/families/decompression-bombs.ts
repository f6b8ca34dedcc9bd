import { deflateSync, gzipSync } from "node:zlib";
import sharp from "sharp";
import { type Honest, quadrants } from "../honest.ts";
import { heavy, inFamily, rendered, renderedOrBroken, type ToxicFile } from "../toxic-file.ts";
import { zlibZeros } from "../write/deflate.ts";
import { onePage, pdfStream, type PdfObject, writePdf } from "../write/pdf.ts";
import { compressedText, pngChunk, withPngChunks, writePng } from "../write/png.ts";
import { pictureFields, writeTiff } from "../write/tiff.ts";

const file = inFamily("decompression bombs");
const whole = { truth: { quadrants, torn: false } };

/** Small files that unpack into hundreds of megabytes. */
export function decompressionBombs(honest: Honest): ToxicFile[] {
  return [...pngBombs(honest), ...pdfBombs(), ...otherBombs()];
}

function pngBombs({ png }: Honest): ToxicFile[] {
  const zeros = () => zlibZeros(256);
  return [
    file("png of 42 megapixels in 300 KB", () => flat(6_500, 6_500, "png"), heavy),
    file(
      "png with a gigabyte behind its pixels",
      () => writePng({ width: 16, height: 16 }, zlibZeros(1_024)),
      renderedOrBroken,
    ),
    file(
      "png whose zTXt unpacks to 256 MiB",
      () => withPngChunks(png, [pngChunk("zTXt", compressedText("Comment", zeros(), true))]),
      rendered,
      whole,
    ),
    file(
      "png whose iTXt unpacks to 256 MiB",
      () =>
        withPngChunks(png, [
          pngChunk("iTXt", Buffer.concat([Buffer.from("Comment\0\x01\0\0\0", "latin1"), zeros()])),
        ]),
      rendered,
      whole,
    ),
    file(
      "png whose iCCP unpacks to 256 MiB",
      () => withPngChunks(png, [pngChunk("iCCP", compressedText("p", zeros(), true))]),
      rendered,
      whole,
    ),
    file(
      "png with 200 zTXt of 8 MiB",
      () =>
        withPngChunks(
          png,
          Array.from({ length: 200 }, () => pngChunk("zTXt", compressedText("Comment", zlibZeros(8), true))),
        ),
      rendered,
      whole,
    ),
    file(
      "png with half of its pixels missing",
      () => writePng({ width: 2_000, height: 2_000, colour: 2 }, deflateSync(Buffer.alloc(2_000 * 6_001))),
      renderedOrBroken,
    ),
  ];
}

function pdfBombs(): ToxicFile[] {
  const flate = "/Filter /FlateDecode";
  const content = (bytes: () => Buffer, entries: string) => () =>
    writePdf(onePage({ content: bytes(), contentEntries: entries }));
  const deep = Array.from({ length: 12 }, () => "/FlateDecode").join(" ");
  return [
    file(
      "pdf whose content unpacks to 300 MiB",
      content(() => zlibZeros(300), flate),
      heavy,
    ),
    file(
      "pdf whose content is packed three times",
      content(() => zlibZeros(1_024, 3), "/Filter [/FlateDecode /FlateDecode /FlateDecode]"),
      heavy,
    ),
    file(
      "pdf with twelve filters over one layer",
      content(() => zlibZeros(64, 2), `/Filter [${deep}]`),
      heavy,
    ),
    file(
      "pdf with run lengths in Flate in ASCII hex",
      content(
        () => Buffer.from(`${zlibZeros(32, 2).toString("hex")}>`),
        "/Filter [/ASCIIHexDecode /FlateDecode /FlateDecode /RunLengthDecode]",
      ),
      heavy,
    ),
    file(
      "pdf with a predictor over 200 MiB",
      content(() => zlibZeros(200), `${flate} /DecodeParms << /Predictor 15 /Columns 100000000 >>`),
      heavy,
    ),
    file("pdf with an object-stream bomb", () => objectStreamBomb(), heavy),
    file("pdf with an xref-stream bomb", () => xrefStreamBomb(), heavy),
    file(
      "pdf with an image of 15,000 × 15,000 in Flate",
      imagePdf("/Width 15000 /Height 15000 /ColorSpace /DeviceGray /BitsPerComponent 8", flate, () =>
        zlibZeros(215),
      ),
      heavy,
    ),
    file(
      "pdf with an image of 100,000 × 100,000 in CCITT",
      imagePdf(
        "/Width 100000 /Height 100000 /ColorSpace /DeviceGray /BitsPerComponent 1",
        "/Filter /CCITTFaxDecode /DecodeParms << /K -1 /Columns 100000 /Rows 100000 >>",
        () => Buffer.alloc(4_096, 0x49),
      ),
      heavy,
    ),
    file(
      "pdf with JBIG2 noise",
      imagePdf(
        "/Width 60000 /Height 60000 /ColorSpace /DeviceGray /BitsPerComponent 1",
        "/Filter /JBIG2Decode",
        () => Buffer.from("00000000300001000000130000ea600000ea60000000000000000000000000", "hex"),
      ),
      heavy,
    ),
    file(
      "pdf with a soft mask of its own image",
      () =>
        writePdf(
          onePage({
            content: "300 0 0 300 0 0 cm /I Do",
            resources: "/XObject << /I 6 0 R >>",
            more: [
              pdfStream(
                zlibZeros(100),
                `${flate} /Type /XObject /Subtype /Image /Width 10000 /Height 10000 /ColorSpace /DeviceGray /BitsPerComponent 8 /SMask 6 0 R`,
              ),
            ],
          }),
        ),
      heavy,
    ),
    file(
      "pdf with a colour map of 200 MiB",
      imagePdf(
        "/Width 10 /Height 10 /BitsPerComponent 8 /ColorSpace [/Indexed /DeviceRGB 255 7 0 R]",
        "",
        () => Buffer.alloc(100),
        [pdfStream(zlibZeros(200), flate)],
      ),
      heavy,
    ),
    file("pdf with a font file of 200 MiB", () => writePdf(fontBomb()), heavy),
  ];
}

function imagePdf(size: string, filter: string, bytes: () => Buffer, more: readonly PdfObject[] = []) {
  return () =>
    writePdf(
      onePage({
        content: "300 0 0 300 0 0 cm /I Do",
        resources: "/XObject << /I 6 0 R >>",
        more: [pdfStream(bytes(), `/Type /XObject /Subtype /Image ${size} ${filter}`), ...more],
      }),
    );
}

/** The catalog lies in a stream that says it holds a million objects and unpacks to half a gigabyte. */
function objectStreamBomb(): Buffer {
  const objects: PdfObject[] = [
    pdfStream(zlibZeros(200), "/Type /ObjStm /N 1000000 /First 5000000 /Filter /FlateDecode"),
    pdfStream(zlibZeros(256), "/Type /ObjStm /N 2000000000 /First 10 /Extends 1 0 R /Filter /FlateDecode"),
  ];
  const head = writePdf(objects);
  const rows = Buffer.alloc(12 * 8);
  for (let row = 0; row < 12; row += 1) rows.set([2, 0, row % 2, 0, 0, row], row * 8);
  const xref = pdfStream(
    deflateSync(rows),
    "/Type /XRef /Size 12 /W [1 2 5] /Root 5 0 R /Filter /FlateDecode",
  );
  return Buffer.concat([
    head,
    Buffer.from("3 0 obj\n"),
    xref,
    Buffer.from(`\nendobj\nstartxref\n${head.length}\n%%EOF\n`),
  ]);
}

function xrefStreamBomb(): Buffer {
  const head = Buffer.from("%PDF-1.7\n");
  const xref = pdfStream(
    zlibZeros(200),
    "/Type /XRef /Size 2147483647 /Index [0 2147483647 0 2147483647] /W [8 8 8] /Root 1 0 R /Filter /FlateDecode",
  );
  return Buffer.concat([
    head,
    Buffer.from("1 0 obj\n"),
    xref,
    Buffer.from(`\nendobj\nstartxref\n${head.length}\n%%EOF\n`),
  ]);
}

function fontBomb(): PdfObject[] {
  const objects = onePage({
    more: [
      "<< /Type /FontDescriptor /FontName /Bomb /Flags 4 /FontFile2 7 0 R >>",
      pdfStream(zlibZeros(200), "/Filter /FlateDecode /Length1 1073741824"),
    ],
  });
  objects[4] =
    "<< /Type /Font /Subtype /TrueType /BaseFont /Bomb /FontDescriptor 6 0 R /FirstChar 32 /LastChar 33 /Widths [1 1] >>";
  return objects;
}

function otherBombs(): ToxicFile[] {
  const strip = (bytes: Buffer, side: number, compression: number) =>
    writeTiff([pictureFields({ width: side, height: side, compression, samples: 1, bytes: bytes.length })], {
      pixels: bytes,
    });
  return [
    file("tiff of 42 megapixels in deflate", () => strip(zlibZeros(41), 6_500, 8), heavy),
    file(
      "tiff of 64 pixels with a gigabyte in deflate",
      () => strip(zlibZeros(1_024), 8, 8),
      renderedOrBroken,
    ),
    file("tiff of 42 megapixels in LZW", () => flat(6_500, 6_500, "tiff"), heavy),
    file("webp of 42 megapixels in 20 KB", () => flat(6_500, 6_500, "webp"), heavy),
    file("jpeg of 42 megapixels in one colour", () => flat(6_500, 6_500, "jpeg"), heavy),
    file("jpeg in gzip", () => gzipSync(Buffer.alloc(1_000_000)), ["rejected unsupported_type"]),
  ];
}

async function flat(
  width: number,
  height: number,
  format: "png" | "tiff" | "webp" | "jpeg",
): Promise<Buffer> {
  const even = sharp({ create: { width, height, channels: 3, background: "#456" } });
  switch (format) {
    case "png":
      return await even.png({ compressionLevel: 9 }).toBuffer();
    case "tiff":
      return await even.tiff({ compression: "lzw" }).toBuffer();
    case "webp":
      return await even.webp({ lossless: true, effort: 0 }).toBuffer();
    case "jpeg":
      return await even.jpeg({ quality: 50 }).toBuffer();
  }
}
