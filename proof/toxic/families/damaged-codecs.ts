import { deflateSync } from "node:zlib";
import type { Honest } from "../honest.ts";
import { broken, inFamily, renderedOrBroken, type ToxicFile } from "../toxic-file.ts";
import { findSegment, jpegSegment, patched, withSegments, without } from "../write/jpeg.ts";
import { withPngChunks, writePng } from "../write/png.ts";
import { pictureFields, writeTiff } from "../write/tiff.ts";
import { extendedHeader, pixelChunk, riffChunk, writeWebp } from "../write/webp.ts";

const file = inFamily("damaged codecs");
const [sof, dht, dqt, sos, dri] = [0xc0, 0xc4, 0xdb, 0xda, 0xdd];

/** Files whose containers hold, but whose codec tables, markers and streams do not. */
export function damagedCodecs(honest: Honest): ToxicFile[] {
  return [...jpegTables(honest), ...jpegScans(honest), ...others(honest)];
}

function jpegTables({ jpeg }: Honest): ToxicFile[] {
  const frame = findSegment(jpeg, sof);
  const huffman = findSegment(jpeg, dht);
  const quantisation = findSegment(jpeg, dqt);
  const scan = findSegment(jpeg, sos);
  const one = (kind: string, bytes: Buffer) => file(`jpeg ${kind}`, bytes, renderedOrBroken);
  return [
    one("without a Huffman table", without(jpeg, huffman)),
    one("without a quantisation table", without(jpeg, quantisation)),
    one("without a frame", without(jpeg, frame)),
    one("without a scan", jpeg.subarray(0, scan.start)),
    one(
      "with a Huffman table that promises too many codes",
      patched(
        jpeg,
        huffman.start + 5,
        Array.from({ length: 16 }, () => 0xff),
      ),
    ),
    one(
      "with a Huffman table of no codes",
      patched(
        jpeg,
        huffman.start + 5,
        Array.from({ length: 16 }, () => 0),
      ),
    ),
    one("with a Huffman table of class 15", patched(jpeg, huffman.start + 4, [0xff])),
    one(
      "with a Huffman table of another picture",
      patched(
        jpeg,
        huffman.start + 21,
        Array.from({ length: 12 }, (_, index) => 255 - index),
      ),
    ),
    one(
      "with quantisation by zero",
      patched(
        jpeg,
        quantisation.start + 5,
        Array.from({ length: 64 }, () => 0),
      ),
    ),
    one("with quantisation of 16 bits that is not there", patched(jpeg, quantisation.start + 4, [0x10])),
    one("of 12 bits", patched(jpeg, frame.start + 4, [12])),
    one("of 5 components", patched(jpeg, frame.start + 9, [5])),
    one("of 255 components", patched(jpeg, frame.start + 9, [255])),
    one("with sampling 0 × 0", patched(jpeg, frame.start + 11, [0x00])),
    one("with sampling 15 × 15", patched(jpeg, frame.start + 11, [0xff])),
    one(
      "with sampling 4 × 4, 1 × 1 and 3 × 2",
      patched(patched(jpeg, frame.start + 11, [0x44]), frame.start + 17, [0x32]),
    ),
    one(
      "with one component three times",
      patched(patched(jpeg, frame.start + 13, [1]), frame.start + 16, [1]),
    ),
    one("with an unknown quantisation table", patched(jpeg, frame.start + 12, [3])),
    one("that is lossless by its word", patched(jpeg, frame.start + 1, [0xc3])),
    one("that is arithmetic by its word", patched(jpeg, frame.start + 1, [0xc9])),
    one("that is progressive by its word", patched(jpeg, frame.start + 1, [0xc2])),
    one("that is hierarchical by its word", patched(jpeg, frame.start + 1, [0xc5])),
    one("with two frames", Buffer.concat([jpeg.subarray(0, frame.end), jpeg.subarray(frame.start)])),
  ];
}

function jpegScans({ jpeg }: Honest): ToxicFile[] {
  const scan = findSegment(jpeg, sos);
  const one = (kind: string, bytes: Buffer) => file(`jpeg ${kind}`, bytes, renderedOrBroken);
  const markers = (pick: (index: number) => number) => {
    const data = Buffer.from(jpeg.subarray(scan.end));
    for (let at = 500, index = 0; at + 2 < data.length - 2; at += 500, index += 1)
      data.set([0xff, pick(index)], at);
    return data;
  };
  const interval = jpegSegment(dri, Buffer.from([0, 1]));
  const restarts = (pick: (index: number) => number, before: Buffer[] = []) =>
    Buffer.concat([
      jpeg.subarray(0, scan.start),
      ...before,
      jpeg.subarray(scan.start, scan.end),
      markers(pick),
    ]);
  return [
    one(
      "with restarts out of order",
      restarts((index) => 0xd0 + ((index * 5) % 8), [interval]),
    ),
    one(
      "with restarts that were not announced",
      restarts((index) => 0xd0 + (index % 8)),
    ),
    one("with announced restarts that do not come", withSegments(jpeg, [interval])),
    one(
      "with a restart in each of 65,535 units",
      withSegments(jpeg, [jpegSegment(dri, Buffer.from([0xff, 0xff]))]),
    ),
    one(
      "with ends in its midst",
      restarts(() => 0xd9),
    ),
    one(
      "with beginnings in its midst",
      restarts(() => 0xd8),
    ),
    one(
      "with scans of nothing in its midst",
      restarts(() => 0xda),
    ),
    one("with a scan of 4 components", patched(jpeg, scan.start + 4, [4])),
    one(
      "with a scan of components that are not there",
      patched(jpeg, scan.start + 5, [9, 0, 8, 0x11, 7, 0x11]),
    ),
    one("with a scan of tables that are not there", patched(jpeg, scan.start + 6, [0x33])),
    one("with a scan of spectral band 63 to 0", patched(jpeg, scan.end - 3, [63, 0, 0xff])),
    one(
      "with a megabyte of fill",
      Buffer.concat([jpeg.subarray(0, 2), Buffer.alloc(1_000_000, 0xff), jpeg.subarray(2)]),
    ),
    one(
      "of zeros where its scan was",
      Buffer.concat([jpeg.subarray(0, scan.end), Buffer.alloc(20_000), Buffer.from([0xff, 0xd9])]),
    ),
    one(
      "of ones where its scan was",
      Buffer.concat([jpeg.subarray(0, scan.end), Buffer.alloc(20_000, 0xff), Buffer.from([0xff, 0xd9])]),
    ),
    one("without an end", jpeg.subarray(0, jpeg.length - 2)),
    one("that begins twice", Buffer.concat([jpeg.subarray(0, 2), jpeg])),
    one(
      "with a number of lines behind its scan",
      Buffer.concat([jpeg.subarray(0, -2), jpegSegment(0xdc, Buffer.from([0x10, 0x00])), jpeg.subarray(-2)]),
    ),
    one(
      "with a segment that ends beyond the file",
      withSegments(jpeg.subarray(0, 400), [Buffer.from([0xff, 0xe5, 0xff, 0xff])]),
    ),
  ];
}

function others({ png, webp, tiff }: Honest): ToxicFile[] {
  const grey = { width: 64, height: 64 };
  const rows = deflateSync(Buffer.alloc(64 * 65, 0x10));
  const compressions = [2, 3, 4, 6, 7, 32_773, 34_676, 34_712, 50_000, 50_001, 65_000];
  return [
    file(
      "png with filters that do not exist",
      writePng(grey, deflateSync(Buffer.alloc(64 * 65, 0x63))),
      renderedOrBroken,
    ),
    file("png with a CRC that is wrong", patched(png, 29, [0, 0, 0, 0]), renderedOrBroken),
    file(
      "png with colours of a palette that is not there",
      writePng({ ...grey, colour: 3 }, rows),
      renderedOrBroken,
    ),
    file("png of 16 bits of palette", writePng({ ...grey, colour: 3, depth: 16 }, rows), broken),
    file("png of 7 bits", writePng({ ...grey, depth: 7 }, rows), broken),
    file("png whose pixels are no zlib", writePng(grey, Buffer.alloc(5_000, 0xab)), renderedOrBroken),
    file("png with its header twice", withPngChunks(png, [png.subarray(8, 33)]), renderedOrBroken),
    file("png without pixels", Buffer.concat([png.subarray(0, 33), png.subarray(-12)]), renderedOrBroken),
    file(
      "webp whose pixels are those of lossless by its word",
      writeWebp([riffChunk("VP8L", pixelChunk(webp).subarray(8))]),
      renderedOrBroken,
    ),
    file(
      "webp with a canvas of another size",
      writeWebp([extendedHeader(0, 10, 10), pixelChunk(webp)]),
      renderedOrBroken,
    ),
    file(
      "webp with an alpha of noise",
      writeWebp([
        extendedHeader(0x10, 480, 360),
        riffChunk("ALPH", Buffer.alloc(300, 0xcd)),
        pixelChunk(webp),
      ]),
      renderedOrBroken,
    ),
    file(
      "webp with a Huffman code of one length",
      writeWebp([riffChunk("VP8L", Buffer.from("2f3fc00f00ffffffffffffffffffffffffffff", "hex"))]),
      renderedOrBroken,
    ),
    file(
      "tiff whose strip lies beyond the end",
      writeTiff([pictureFields({ ...grey, compression: 1, samples: 1, bytes: 4_096, offset: 0xfffffff0 })]),
      renderedOrBroken,
    ),
    file(
      "tiff whose strip is its header",
      writeTiff([pictureFields({ ...grey, compression: 1, samples: 1, bytes: 4_096, offset: 0 })]),
      renderedOrBroken,
    ),
    file(
      "tiff with a strip of 4 GiB",
      writeTiff([pictureFields({ ...grey, compression: 5, samples: 1, bytes: 0xffffffff })]),
      renderedOrBroken,
    ),
    file("tiff of 64 bits by its word", patched(tiff, 2, [0x2b]), broken),
    ...compressions.map((compression) =>
      file(
        `tiff of noise in compression ${compression}`,
        writeTiff([pictureFields({ ...grey, compression, samples: 1, bytes: 3_000 })], {
          pixels: Buffer.alloc(3_000, 0x5a),
        }),
        renderedOrBroken,
      ),
    ),
  ];
}
