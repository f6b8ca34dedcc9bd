import { type Honest, quadrants } from "../honest.ts";
import { canary, inFamily, rendered, renderedOrBroken, type ToxicFile } from "../toxic-file.ts";
import { zlibZeros } from "../write/deflate.ts";
import { writeIcc } from "../write/icc.ts";
import { app2, iccSegments, jpegSegment, patched, withSegments } from "../write/jpeg.ts";
import { compressedText, pngChunk, withPngChunks } from "../write/png.ts";
import { extendedHeader, pixelChunk, riffChunk, webpFlags, writeWebp } from "../write/webp.ts";
import { noise } from "./foreign-types.ts";

const file = inFamily("colour profiles");
const whole = { truth: { quadrants, torn: false } };

/** Colour profiles that lie, burst or carry something. A profile that says what it should may stay; a payload may not. */
export function colourProfiles({ jpeg, png, webp, heic }: Honest): ToxicFile[] {
  const inJpeg = (kind: string, profile: Buffer) =>
    file(`jpeg with a profile ${kind}`, withSegments(jpeg, iccSegments(profile)), rendered, whole);
  const payload = Buffer.from(`<script>${canary}</script>`.repeat(2_000));
  const segment = (number: number, of: number, bytes: Buffer) =>
    jpegSegment(
      app2,
      Buffer.concat([Buffer.from("ICC_PROFILE\0", "latin1"), Buffer.from([number, of]), bytes]),
    );
  const extended = (profile: Buffer) =>
    writeWebp([extendedHeader(webpFlags.icc, 480, 360), riffChunk("ICCP", profile), pixelChunk(webp)]);
  return [
    inJpeg("that is in order", writeIcc("an honest profile")),
    inJpeg("of noise", noise(5_000, 3)),
    inJpeg("of zeros", Buffer.alloc(5_000)),
    inJpeg("of one byte", Buffer.from([1])),
    inJpeg("that claims 4 GiB", writeIcc("x", { declaredSize: 0xffffffff })),
    inJpeg("with 4,294,967,295 tags", writeIcc("x", { tagCount: 0xffffffff })),
    inJpeg(
      "with 10,000 tags over one another",
      writeIcc("x", {
        more: Array.from({ length: 5_000 }, (_, index) => ({
          signature: `t${index}`.slice(0, 4).padEnd(4),
          data: Buffer.alloc(0),
          offset: 128,
          length: 60_000,
        })),
      }),
    ),
    inJpeg(
      "with a tag beyond its end",
      writeIcc("x", {
        more: [{ signature: "A2B0", data: Buffer.alloc(8), offset: 0xfffffff0, length: 0xfffffff0 }],
      }),
    ),
    inJpeg(
      "with a table of 255^4 colours",
      writeIcc("x", {
        more: [
          {
            signature: "A2B0",
            data: Buffer.concat([Buffer.from("mft1\0\0\0\0\x03\x0f\xff\0", "latin1"), Buffer.alloc(1_000)]),
          },
        ],
      }),
    ),
    inJpeg("for CMYK", writeIcc("x", { dataSpace: "CMYK" })),
    inJpeg("for 15 colours", writeIcc("x", { dataSpace: "FCLR" })),
    inJpeg("without its signature", writeIcc("x", { signature: "evil" })),
    inJpeg(
      "that carries a payload in a tag of its own",
      writeIcc("x", { more: [{ signature: "evil", data: payload }] }),
    ),
    inJpeg("that is a payload alone", payload),
    inJpeg(
      "of 10 MiB",
      writeIcc("x", { more: [{ signature: "evil", data: Buffer.alloc(10 * 1024 * 1024, 0x41) }] }),
    ),
    file(
      "jpeg with profile segment 1 of 255 and no other",
      withSegments(jpeg, [segment(1, 255, writeIcc("x"))]),
      rendered,
      whole,
    ),
    file(
      "jpeg with profile segment 9 of 2",
      withSegments(jpeg, [segment(9, 2, writeIcc("x"))]),
      rendered,
      whole,
    ),
    file(
      "jpeg with profile segment 0 of 0",
      withSegments(jpeg, [segment(0, 0, writeIcc("x"))]),
      rendered,
      whole,
    ),
    file(
      "jpeg with its profile twice",
      withSegments(jpeg, [...iccSegments(writeIcc("a")), ...iccSegments(writeIcc("b"))]),
      rendered,
      whole,
    ),
    file(
      "png with a profile in order",
      withPngChunks(png, [pngChunk("iCCP", compressedText("p", writeIcc("x")))]),
      rendered,
      whole,
    ),
    file(
      "png with a profile that carries a payload",
      withPngChunks(png, [
        pngChunk(
          "iCCP",
          compressedText("p", writeIcc("x", { more: [{ signature: "evil", data: payload }] })),
        ),
      ]),
      rendered,
      whole,
    ),
    file(
      "png with a profile bomb of 64 MiB",
      () => withPngChunks(png, [pngChunk("iCCP", compressedText("p", zlibZeros(64), true))]),
      rendered,
      whole,
    ),
    file(
      "png with a profile of noise",
      withPngChunks(png, [pngChunk("iCCP", noise(500, 4))]),
      rendered,
      whole,
    ),
    file("webp with a profile in order", extended(writeIcc("x")), rendered, whole),
    file("webp with a profile that is a payload alone", extended(payload), rendered, whole),
    file("heic with a profile that is a payload alone", withHeicProfile(heic, payload), renderedOrBroken),
    file(
      "heic with a profile that carries a payload",
      withHeicProfile(heic, writeIcc("x", { more: [{ signature: "evil", data: payload }] })),
      renderedOrBroken,
    ),
    file(
      "heic with a profile for CMYK",
      withHeicProfile(heic, writeIcc("x", { dataSpace: "CMYK" })),
      renderedOrBroken,
    ),
  ];
}

/**
 * A HEIC whose properties end with a profile. Everything behind moves: the places of the items in `iloc` (version 0 or 1,
 * offsets of four bytes) are moved with it. @throws when the sample is built otherwise: our generator is wrong then.
 */
function withHeicProfile(original: Buffer, profile: Buffer): Buffer {
  const property = Buffer.concat([Buffer.alloc(8), Buffer.from("prof"), profile]);
  property.writeUInt32BE(property.length, 0);
  property.write("colr", 4, "latin1");
  const container = original.indexOf("ipco") - 4;
  const own = original.indexOf("colrprof"); // the first one counts
  const heic = own < 0 ? original : patched(original, own, Buffer.from("free"));
  const end = container + heic.readUInt32BE(container);
  const grown = Buffer.concat([heic.subarray(0, end), property, heic.subarray(end)]);
  for (const name of ["meta", "iprp", "ipco"]) {
    const at = heic.indexOf(name) - 4;
    grown.writeUInt32BE(heic.readUInt32BE(at) + property.length, at);
  }
  const places = grown.indexOf("iloc") - 4;
  moveItems(grown, places, property.length);
  return grown;
}

function moveItems(bytes: Buffer, box: number, by: number): void {
  const version = bytes[box + 8]!;
  const sizes = bytes.readUInt16BE(box + 12);
  const [offsetSize, lengthSize, baseSize] = [sizes >> 12, (sizes >> 8) & 15, (sizes >> 4) & 15];
  if (version > 1 || offsetSize !== 4 || lengthSize !== 4)
    throw new Error("the sample's places are kept otherwise");
  let at = box + 16;
  for (let left = bytes.readUInt16BE(box + 14); left > 0; left -= 1) {
    at += 2 + (version === 1 ? 2 : 0) + 2 + baseSize;
    const isInFile = version === 0 || (bytes.readUInt16BE(at - baseSize - 4) & 15) === 0;
    const extents = bytes.readUInt16BE(at);
    at += 2;
    for (let extent = 0; extent < extents; extent += 1, at += 8)
      if (isInFile) bytes.writeUInt32BE(bytes.readUInt32BE(at) + by, at);
  }
}
