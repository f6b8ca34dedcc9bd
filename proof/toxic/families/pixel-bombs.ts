import { deflateSync } from "node:zlib";
import sharp from "sharp";
import { drawPicture, type Honest, quadrants } from "../honest.ts";
import {
  broken,
  heavy,
  inFamily,
  rendered,
  renderedOrBroken,
  sideTooLong,
  tooManyPixels,
  type ToxicFile,
} from "../toxic-file.ts";
import { jpegSegment, patched, withDeclaredSize } from "../write/jpeg.ts";
import { pngChunk, withPngChunks, writePng } from "../write/png.ts";
import { pictureFields, writeTiff } from "../write/tiff.ts";
import {
  animationFrame,
  extendedHeader,
  pixelChunk,
  riffChunk,
  webpFlags,
  writeWebp,
} from "../write/webp.ts";

const file = inFamily("pixel bombs");
const whole = { truth: { quadrants, torn: false } };

/** Pictures that declare more than they may, or cost more than they look. */
export function pixelBombs(honest: Honest): ToxicFile[] {
  return [...declared(honest), ...scans(honest), ...frames(honest)];
}

function declared({ jpeg, png, webp, tiff }: Honest): ToxicFile[] {
  const noPixels = deflateSync(Buffer.alloc(100));
  const pngOf = (width: number, height: number) => writePng({ width, height }, noPixels);
  const tiffOf = (width: number, height: number) =>
    writeTiff([pictureFields({ width, height, compression: 1, samples: 1, bytes: 100 })], {
      pixels: Buffer.alloc(100),
    });
  return [
    file("png that declares 2,147,483,647 × 2,147,483,647", pngOf(0x7fffffff, 0x7fffffff), [
      ...broken,
      ...sideTooLong,
    ]),
    file("png that declares 100,000 × 100,000", pngOf(100_000, 100_000), sideTooLong),
    file("png that declares 65,000 × 1", pngOf(65_000, 1), sideTooLong),
    file("png that declares 1 × 65,000", pngOf(1, 65_000), sideTooLong),
    file("png that declares 16,385 × 1", pngOf(16_385, 1), sideTooLong),
    file(
      "png of 16,384 × 1",
      writePng({ width: 16_384, height: 1 }, deflateSync(Buffer.alloc(16_385))),
      renderedOrBroken,
    ),
    file("png that declares 16,384 × 16,384", pngOf(16_384, 16_384), tooManyPixels),
    file("png that declares 10,001 × 10,000", pngOf(10_001, 10_000), tooManyPixels),
    file("png that declares 100 megapixels and holds none", pngOf(10_000, 10_000), heavy),
    file("png that declares 0 × 0", pngOf(0, 0), broken),
    file(
      "png interlaced that declares 10,000 × 10,000",
      writePng({ width: 10_000, height: 10_000, interlaced: true }, noPixels),
      heavy,
    ),
    file("jpeg that declares 65,500 × 65,500", withDeclaredSize(jpeg, 65_500, 65_500), sideTooLong),
    file("jpeg that declares 65,000 × 1", withDeclaredSize(jpeg, 65_000, 1), sideTooLong),
    file("jpeg that declares 1 × 65,000", withDeclaredSize(jpeg, 1, 65_000), sideTooLong),
    file("jpeg that declares 16,000 × 16,000", withDeclaredSize(jpeg, 16_000, 16_000), tooManyPixels),
    file("jpeg that declares 0 lines", withDeclaredSize(jpeg, 480, 0), broken),
    file("jpeg that declares 10,000 × 9,999 of its 480 × 360", withDeclaredSize(jpeg, 10_000, 9_999), heavy),
    file(
      "webp that declares 16,383 × 16,383",
      writeWebp([extendedHeader(0, 16_383, 16_383), pixelChunk(webp)]),
      [...tooManyPixels, ...broken],
    ),
    file(
      "webp that declares 16,777,216 × 256",
      writeWebp([extendedHeader(0, 16_777_216, 256), pixelChunk(webp)]),
      [...sideTooLong, ...broken],
    ),
    file(
      "webp lossy that declares 16,383 × 16,383",
      patched(webp, 26, [0xff, 0x3f, 0xff, 0x3f]),
      tooManyPixels,
    ),
    file("tiff that declares 4,294,967,295 × 4,294,967,295", tiffOf(0xffffffff, 0xffffffff), [
      ...broken,
      ...sideTooLong,
    ]),
    file("tiff that declares 16,000 × 16,000", tiffOf(16_000, 16_000), [...tooManyPixels, ...broken]),
    file("tiff that declares 65,000 × 1", tiffOf(65_000, 1), [...sideTooLong, ...broken]),
    file("tiff that declares 0 × 0", tiffOf(0, 0), broken),
    file("tiff that declares 9,999 × 9,999 and holds nothing", tiffOf(9_999, 9_999), heavy),
    file("tiff with 65,535 samples per pixel", samples(tiff), renderedOrBroken),
    file("png with 16,384 × 3,000 pixels of 16 bits", () => wide(), heavy),
    file("png honest under a size of its own", png, rendered, whole),
  ];
}

/** SamplesPerPixel (277) of an honest file, raised. */
function samples(tiff: Buffer): Buffer {
  const at = tiff.indexOf(Buffer.from([0x15, 0x01, 0x03, 0x00]));
  return patched(tiff, at + 8, [0xff, 0xff]);
}

async function wide(): Promise<Buffer> {
  return await sharp({ create: { width: 16_384, height: 3_000, channels: 4, background: "#4568" } })
    .toColourspace("rgb16")
    .png({ compressionLevel: 6 })
    .toBuffer();
}

function scans({ progressive }: Honest): ToxicFile[] {
  return [
    file("jpeg progressive of 36 megapixels", () => flatProgressive(6_000, 6_000), heavy),
    file(
      "jpeg progressive with 5,000 scans over 36 megapixels",
      async () => moreScans(await flatProgressive(6_000, 6_000), 5_000),
      heavy,
    ),
    file("jpeg progressive with 300 more scans", moreScans(progressive, 300), renderedOrBroken),
  ];
}

async function flatProgressive(width: number, height: number): Promise<Buffer> {
  return await sharp({ create: { width, height, channels: 3, background: "#654" } })
    .jpeg({ progressive: true, quality: 40 })
    .toBuffer();
}

/** The last scan of a progressive picture again and again: each one walks over every block. */
function moreScans(jpeg: Buffer, count: number): Buffer {
  const last = jpeg.lastIndexOf(Buffer.from([0xff, 0xda]));
  const scan = jpeg.subarray(last, jpeg.length - 2);
  const short = scan.subarray(0, Math.min(scan.length, 400));
  return Buffer.concat([
    jpeg.subarray(0, jpeg.length - 2),
    ...Array.from({ length: count }, () => short),
    jpeg.subarray(-2),
  ]);
}

function frames({ webp, png, jpeg }: Honest): ToxicFile[] {
  const animation = (count: number) =>
    writeWebp([
      extendedHeader(webpFlags.animation, 480, 360),
      riffChunk("ANIM", Buffer.alloc(6)),
      ...Array.from({ length: count }, () => animationFrame(pixelChunk(webp), 480, 360)),
    ]);
  const control = Buffer.alloc(8);
  control.writeUInt32BE(100_000, 0);
  const gainMap = jpegSegment(
    0xe2,
    Buffer.concat([Buffer.from("MPF\0II*\0\x08\0\0\0", "latin1"), Buffer.alloc(64, 0xff)]),
  );
  return [
    file("webp with 300 frames", animation(300), rendered, whole),
    file(
      "webp with a canvas of 16,383 × 6,000 and one frame",
      writeWebp([
        extendedHeader(webpFlags.animation, 16_383, 6_000),
        riffChunk("ANIM", Buffer.alloc(6)),
        animationFrame(pixelChunk(webp), 480, 360),
      ]),
      heavy,
    ),
    file(
      "png with 100,000 frames announced",
      withPngChunks(png, [pngChunk("acTL", control)]),
      rendered,
      whole,
    ),
    file("tiff with 1,000 pages", tiffPages(1_000), heavy),
    file(
      "tiff whose pages go round in a loop",
      tiffPages(3, (index, offsets) => offsets[(index + 1) % 3]!),
      renderedOrBroken,
    ),
    file(
      "tiff whose first page follows itself",
      tiffPages(1, (_, offsets) => offsets[0]!),
      renderedOrBroken,
    ),
    file(
      "tiff whose twentieth page is of 256 megapixels",
      tiffPages(19, () => null, true),
      [...tooManyPixels, ...broken],
    ),
    file(
      "jpeg with a loop of MPF pictures",
      Buffer.concat([jpeg.subarray(0, 2), gainMap, jpeg.subarray(2)]),
      rendered,
      whole,
    ),
    file("tiff with 40 pages of 9 megapixels", () => heavyPages(), heavy),
  ];
}

type Next = (index: number, offsets: readonly number[]) => number | null;

function tiffPages(count: number, next: Next = () => null, endsHuge = false): Buffer {
  const pixels = Buffer.alloc(64, 0x77);
  const page = (side: number) =>
    pictureFields({ width: side, height: side, compression: 1, samples: 1, bytes: 64 });
  const pages = Array.from({ length: count }, () => page(8));
  return writeTiff(endsHuge ? [...pages, page(16_000)] : pages, { pixels, next });
}

/** One honest strip that forty pages point at. */
async function heavyPages(): Promise<Buffer> {
  const pixels = await drawPicture(1_000, 1_000, 1).resize(3_000, 3_000).raw().toBuffer();
  const strip = deflateSync(pixels, { level: 1 });
  const page = pictureFields({
    width: 3_000,
    height: 3_000,
    compression: 8,
    samples: 3,
    bytes: strip.length,
  });
  return writeTiff(
    Array.from({ length: 40 }, () => page),
    { pixels: strip },
  );
}
