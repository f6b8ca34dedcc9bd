import fc from "fast-check";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { readExif } from "./exif.ts";

async function exifOf(exif: Parameters<ReturnType<typeof sharp>["withExif"]>[0]): Promise<Uint8Array> {
  const jpeg = sharp({ create: { width: 8, height: 8, channels: 3, background: "#fff" } })
    .withExif(exif)
    .jpeg();
  const { exif: block } = await sharp(await jpeg.toBuffer()).metadata();
  return block!.subarray(6);
}

describe("what a camera wrote", () => {
  test("is read: maker, model, moment and place", async () => {
    const exif = await exifOf({
      IFD0: { Make: "Samplephone", Model: "S 5" },
      IFD2: { DateTimeOriginal: "2025:03:05 10:41:27", OffsetTimeOriginal: "+01:00" },
      IFD3: {
        GPSLatitudeRef: "S",
        GPSLatitude: "45/1 48/1 3600/100",
        GPSLongitudeRef: "W",
        GPSLongitude: "9/1 30/1 0/1",
      },
    });
    expect(readExif(exif)).toMatchObject({
      make: "Samplephone",
      model: "S 5",
      takenAt: "2025-03-05T10:41:27+01:00",
      latitude: -45.81,
      longitude: -9.5,
    });
  });

  test("is left out where the camera wrote nonsense", async () => {
    const exif = await exifOf({
      IFD0: { Make: "Samplephone" },
      IFD2: { DateTimeOriginal: "0000 unset" },
      IFD3: { GPSLatitudeRef: "N", GPSLatitude: "45/0 0/0 0/0" },
    });
    const { takenAt, latitude, make } = readExif(exif);
    expect({ takenAt, latitude, make }).toEqual({
      takenAt: undefined,
      latitude: undefined,
      make: "Samplephone",
    });
  });

  test("never breaks the reader, whatever the bytes", async () => {
    const real = await exifOf({ IFD0: { Make: "Samplephone" }, IFD3: { GPSLatitude: "1/1 2/1 3/1" } });
    const damage = fc.array(fc.tuple(fc.nat(real.length - 1), fc.nat(255)), { maxLength: 8 });
    fc.assert(
      fc.property(damage, fc.nat(real.length), (changes, length) => {
        const bytes = Uint8Array.from(real);
        for (const [at, value] of changes) bytes[at] = value;
        expect(readExif(bytes.subarray(0, length))).toBeTypeOf("object");
      }),
    );
  });
});
