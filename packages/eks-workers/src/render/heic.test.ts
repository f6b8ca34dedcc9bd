import { readFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { readHeicExtras } from "./heic-boxes.ts";
import { renderHeic } from "./heic.ts";
import { plainProfile } from "./plain-profile.ts";

const sample = await readFile(join(import.meta.dirname, "../../../local/samples/licence.heic"));

function box(type: string, ...parts: (Uint8Array | string)[]): Buffer {
  const body = Buffer.concat(
    parts.map((part) => (typeof part === "string" ? Buffer.from(part, "latin1") : part)),
  );
  const head = Buffer.alloc(8);
  head.writeUInt32BE(body.length + 8);
  head.write(type, 4, "latin1");
  return Buffer.concat([head, body]);
}

/** The boxes of a file that holds a profile and, at its end, an EXIF item; no picture. */
function boxesWith(profile: Uint8Array, exif: Uint8Array): Buffer {
  const version0 = Buffer.alloc(4);
  const infe = box("infe", Buffer.from([2, 0, 0, 0]), Buffer.from([0, 7, 0, 0]), "Exif\0");
  const iinf = box("iinf", version0, Buffer.from([0, 1]), infe);
  const iprp = box("iprp", box("ipco", box("ispe", Buffer.alloc(12)), box("colr", "prof", profile)));
  const build = (offset: number) => {
    const place = Buffer.alloc(8);
    place.writeUInt32BE(offset, 0);
    place.writeUInt32BE(exif.length + 10, 4);
    const iloc = box("iloc", version0, Buffer.from([0x44, 0, 0, 1, 0, 7, 0, 0, 0, 1]), place);
    return Buffer.concat([box("ftyp", "heic\0\0\0\0"), box("meta", version0, iinf, iprp, iloc)]);
  };
  const length = build(0).length;
  const prefix = Buffer.from([0, 0, 0, 6, ...Buffer.from("Exif\0\0")]);
  return Buffer.concat([build(length), prefix, exif]);
}

describe("an HEIC photo", () => {
  test("is rendered like any photo", async () => {
    const decoded = await renderHeic(sample);
    expect(decoded).toMatchObject({ outcome: "rendered", mediaType: "image/heic", pageCount: 1, text: null });
    if (decoded.outcome !== "rendered") return;
    const { rendition, thumbnail, legibility } = decoded.pages[0]!;
    expect([rendition.width, rendition.height, thumbnail.width]).toEqual([1_600, 1_200, 320]);
    expect(legibility).toEqual([]);
    const { format, icc, exif } = await sharp(rendition.bytes).metadata();
    expect({ format, exif }).toEqual({ format: "jpeg", exif: undefined });
    expect(icc).toEqual(plainProfile(readHeicExtras(sample).icc!));
    expect(Buffer.from(rendition.bytes).includes("Samplephone")).toBe(false);
    const taken = { make: "Samplephone", takenAt: "2025-03-05T10:41:27+01:00", latitude: 45.8101 };
    expect(decoded.captureFacts).toMatchObject({ format: "heic", width: 1_600, height: 1_200, ...taken });
  });

  test("is rendered under a brand that the decoder's front does not know", async () => {
    const renamed = Buffer.from(sample);
    renamed.write("heis", 8, "latin1");
    expect(await renderHeic(renamed)).toMatchObject({ outcome: "rendered" });
  });

  test("is refused by its declared size before it is decoded", async () => {
    const huge = Buffer.from(sample);
    for (let at = huge.indexOf("ispe"); at >= 0; at = huge.indexOf("ispe", at + 4))
      huge.writeUInt32BE(20_000, at + 8);
    expect(await renderHeic(huge)).toMatchObject({ outcome: "over_limit", limit: "side", actual: 20_000 });
  });

  test.each([
    ["cut off", () => sample.subarray(0, 900)],
    ["brands and nothing more", () => sample.subarray(0, 24)],
  ])("is broken when it is %s", async (_, damaged) => {
    expect(await renderHeic(damaged())).toMatchObject({ outcome: "no_preview", reason: "broken" });
  });
});

describe("what stands beside the pixels of an HEIC file", () => {
  test("is found: the profile and the EXIF structure", () => {
    const profile = Buffer.from("profile bytes");
    const exif = Buffer.from("II*\0 and so on");
    const extras = readHeicExtras(boxesWith(profile, exif));
    expect(Buffer.from(extras.icc!)).toEqual(profile);
    expect(Buffer.from(extras.exif!)).toEqual(exif);
  });

  test("is absent when a box ends before it begins", () => {
    const file = Buffer.concat([box("ftyp", "heic\0\0\0\0"), box("meta", Buffer.alloc(4), box("iinf"))]);
    expect(readHeicExtras(file)).toEqual({ icc: null, exif: null });
  });

  test("is absent, and never an error, whatever the bytes", () => {
    const whole = boxesWith(Buffer.from("profile"), Buffer.from("II*\0"));
    const damage = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 6 });
    fc.assert(
      fc.property(damage, fc.nat(whole.length), (changes, length) => {
        const bytes = Uint8Array.from(whole);
        for (const [at, value] of changes) bytes[at] = value;
        expect(readHeicExtras(bytes.subarray(0, length))).toHaveProperty("icc");
      }),
    );
  });
});
