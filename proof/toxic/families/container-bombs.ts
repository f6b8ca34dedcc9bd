import { type Honest, quadrants } from "../honest.ts";
import { broken, inFamily, rendered, renderedOrBroken, type ToxicFile } from "../toxic-file.ts";
import { comment, jpegSegment, withSegments } from "../write/jpeg.ts";
import { pngChunk, withPngChunks } from "../write/png.ts";
import { long, pictureFields, writeTiff } from "../write/tiff.ts";
import { pixelChunk, riffChunk, writeWebp } from "../write/webp.ts";

const file = inFamily("container bombs");
const whole = { truth: { quadrants, torn: false } };

/** Pictures whose segments, chunks and boxes are without number, or lie of their length. */
export function containerBombs({ jpeg, png, webp }: Honest): ToxicFile[] {
  const text = pngChunk("tEXt", Buffer.from("Comment\0x"));
  const fields = Array.from({ length: 60_000 }, (_, index) => long(1_000 + (index % 60_000), index));
  const picture = pictureFields({ width: 8, height: 8, compression: 1, samples: 1, bytes: 64, more: fields });
  return [
    file(
      "jpeg with 100,000 comments",
      () =>
        withSegments(
          jpeg,
          Array.from({ length: 100_000 }, () => jpegSegment(comment, Buffer.from("x"))),
        ),
      rendered,
      whole,
    ),
    file(
      "jpeg with 600 comments of 64 KB",
      () =>
        withSegments(
          jpeg,
          Array.from({ length: 600 }, () => jpegSegment(comment, Buffer.alloc(65_533, 0xff))),
        ),
      rendered,
      whole,
    ),
    file(
      "png with 200,000 texts",
      () =>
        withPngChunks(
          png,
          Array.from({ length: 200_000 }, () => text),
        ),
      renderedOrBroken,
      whole,
    ),
    file(
      "png with a chunk that claims 2 GiB",
      withPngChunks(png, [Buffer.from("\x7f\xff\xff\xfftEXt", "latin1")]),
      broken,
    ),
    file(
      "tiff with 60,000 fields",
      writeTiff([picture], { pixels: Buffer.alloc(64, 0x55) }),
      renderedOrBroken,
    ),
    file(
      "webp with 50,000 unknown chunks",
      () =>
        writeWebp([
          pixelChunk(webp),
          ...Array.from({ length: 50_000 }, () => riffChunk("JUNK", Buffer.from("xx"))),
        ]),
      renderedOrBroken,
      whole,
    ),
    file(
      "webp that claims 4 GiB",
      Buffer.concat([webp.subarray(0, 4), Buffer.alloc(4, 0xff), webp.subarray(8)]),
      renderedOrBroken,
      whole,
    ),
    ...heicBoxes(),
  ];
}

/** Boxes of ISO 14496-12, built by hand: no coded picture is in any of them. */
function heicBoxes(): ToxicFile[] {
  const box = (type: string, content: Buffer | string, declared?: number) => {
    const body = Buffer.from(content as string, "latin1");
    const head = Buffer.alloc(8);
    head.writeUInt32BE((declared ?? body.length + 8) >>> 0, 0);
    head.write(type, 4, "latin1");
    return Buffer.concat([head, body]);
  };
  const brand = box("ftyp", "heic\0\0\0\0mif1heic");
  const meta = (...boxes: Buffer[]) => box("meta", Buffer.concat([Buffer.alloc(4), ...boxes]));
  const deep = (depth: number) =>
    Array.from({ length: depth }).reduce<Buffer>(
      (inner) => box("meta", Buffer.concat([Buffer.alloc(4), inner])),
      Buffer.alloc(0),
    );
  const handler = box("hdlr", "\0\0\0\0\0\0\0\0pict\0\0\0\0\0\0\0\0\0\0\0\0\0");
  const primary = box("pitm", "\0\0\0\0\0\x01");
  const grid = box("infe", "\x02\0\0\0\0\x01\0\0grid\0");
  const info = box("iinf", Buffer.concat([Buffer.from("\0\0\0\0\0\x01", "latin1"), grid]));
  const toItself = box("iref", Buffer.concat([Buffer.alloc(4), box("dimg", "\0\x01\0\x02\0\x01\0\x01")]));
  const place = box("iloc", "\0\0\0\0\x44\0\0\x01\0\x01\0\0\0\x01\0\0\0\0\0\0\0\x08");
  return [
    file("heic of one brand and nothing", brand, broken),
    file("heic with boxes 2,000 deep", Buffer.concat([brand, deep(2_000)]), broken),
    file(
      "heic with 200,000 empty boxes",
      () => Buffer.concat([brand, ...Array.from({ length: 200_000 }, () => box("free", ""))]),
      broken,
    ),
    file(
      "heic with a box of 16 EiB",
      Buffer.concat([brand, box("meta", "\x7f\xff\xff\xff\xff\xff\xff\xff", 1)]),
      broken,
    ),
    file("heic with a box of length 3", Buffer.concat([brand, box("meta", "\0\0\0\0", 3)]), broken),
    file(
      "heic with 65,535 places of 65,535 pieces",
      Buffer.concat([
        brand,
        meta(
          handler,
          primary,
          info,
          box(
            "iloc",
            Buffer.concat([
              Buffer.from("\0\0\0\0\0\0\xff\xff\0\x01\0\0\xff\xff", "latin1"),
              Buffer.alloc(64),
            ]),
          ),
        ),
      ]),
      broken,
    ),
    file(
      "heic whose grid is made of itself",
      Buffer.concat([brand, meta(handler, primary, info, toItself, place)]),
      broken,
    ),
    file(
      "heic of 65,535 items that are not there",
      Buffer.concat([
        brand,
        meta(handler, primary, box("iinf", Buffer.concat([Buffer.from("\0\0\0\0\xff\xff", "latin1"), grid]))),
      ]),
      broken,
    ),
  ];
}
