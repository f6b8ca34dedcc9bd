import sharp, { type Sharp } from "sharp";
import { describe, expect, test } from "vitest";
import type { RenderedPage } from "@strongroom/core/document/rendering";
import { renderPhoto, type PhotoType } from "./photo.ts";
import { plainProfile } from "./plain-profile.ts";

const allowance = { previewPages: 20, softDeadlineMs: 10_000 };

async function rendered(bytes: Buffer, mediaType: PhotoType = "image/jpeg") {
  const decoded = await renderPhoto(bytes, mediaType, allowance);
  if (decoded.outcome !== "rendered") throw new Error(`not rendered: ${JSON.stringify(decoded)}`);
  return decoded;
}

/** Left half red, right half blue: tells which way up a picture is. */
function halves(width: number, height: number): Sharp {
  const right = { create: { width: width / 2, height, channels: 3 as const, background: "#0000ff" } };
  const left = sharp({ create: { width, height, channels: 3, background: "#ff0000" } });
  return left.composite([{ input: right, left: width / 2, top: 0 }]);
}

/** The same bytes every time, without a pattern that a decoder could make sense of. */
function garbage(length: number): Uint8Array {
  let state = 1;
  return Uint8Array.from({ length }, () => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) >>> 24);
}

function noise(width: number, height: number): Sharp {
  return sharp(garbage(width * height * 3), { raw: { width, height, channels: 3 } });
}

async function colourAt({ rendition }: RenderedPage, x: number, y: number): Promise<number[]> {
  const spot = sharp(rendition.bytes).extract({ left: x, top: y, width: 1, height: 1 });
  return [...(await spot.toColourspace("srgb").raw().toBuffer()).subarray(0, 3)];
}

function expectColour(actual: number[], expected: number[]): void {
  for (const [channel, value] of expected.entries())
    expect(Math.abs(actual[channel]! - value)).toBeLessThan(12);
}

describe("the rendition of a photo", () => {
  test("is at most 2,000 pixels long, the thumbnail 320, in the shape of the photo", async () => {
    const [page] = (await rendered(await noise(3_000, 1_500).jpeg().toBuffer())).pages;
    expect(page!.rendition).toMatchObject({ width: 2_000, height: 1_000 });
    expect(page!.thumbnail).toMatchObject({ width: 320, height: 160 });
    expect(await sharp(page!.rendition.bytes).metadata()).toMatchObject({ width: 2_000, format: "jpeg" });
    expect(await sharp(page!.thumbnail.bytes).metadata()).toMatchObject({ width: 320, format: "jpeg" });
  });

  test("is never larger than the photo", async () => {
    const [page] = (await rendered(await noise(200, 120).jpeg().toBuffer())).pages;
    expect(page!.rendition).toMatchObject({ width: 200, height: 120 });
    expect(page!.thumbnail).toMatchObject({ width: 200, height: 120 });
    expect(page!.legibility).toContain("too_small");
  });

  test("stands upright when the phone was held sideways", async () => {
    const sideways = await halves(400, 200).withMetadata({ orientation: 6 }).jpeg().toBuffer();
    const decoded = await rendered(sideways);
    const [page] = decoded.pages;
    expect(page!.rendition).toMatchObject({ width: 200, height: 400 });
    expectColour(await colourAt(page!, 100, 20), [254, 0, 0]);
    expectColour(await colourAt(page!, 100, 380), [0, 0, 254]);
    expect((await sharp(page!.rendition.bytes).metadata()).orientation).toBeUndefined();
    expect(decoded.captureFacts).toMatchObject({ orientation: 6, width: 400, height: 200 });
  });

  test("keeps its colour profile and nothing else that the camera wrote", async () => {
    const camera = {
      IFD0: { Make: "Samplephone" },
      IFD3: { GPSLatitudeRef: "N", GPSLatitude: "45/1 48/1 0/1" },
    };
    const xmp = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><a>secret place</a></x:xmpmeta>';
    const photo = await noise(400, 300).withIccProfile("p3").withExif(camera).withXmp(xmp).jpeg().toBuffer();
    const before = await sharp(photo).metadata();
    expect(before.exif && before.xmp && before.icc).toBeTruthy();
    const decoded = await rendered(photo);
    const { rendition, thumbnail } = decoded.pages[0]!;
    const after = await sharp(rendition.bytes).metadata();
    expect(after.icc).toEqual(plainProfile(before.icc!));
    expect([after.exif, after.xmp, after.iptc]).toEqual([undefined, undefined, undefined]);
    for (const image of [rendition, thumbnail]) {
      const written = Buffer.from(image.bytes).toString("latin1");
      expect(written).not.toMatch(/Samplephone|secret place|Exif/);
    }
    expect(decoded.captureFacts).toMatchObject({ make: "Samplephone", latitude: 45.8, hasProfile: true });
  });

  test.each(["p3", "srgb", null])(
    "has a thumbnail in the colours of the photo (profile: %s)",
    async (profile) => {
      const wide = sharp({ create: { width: 800, height: 600, channels: 3, background: "#10d030" } });
      const photo = await (profile === null ? wide : wide.withIccProfile(profile)).jpeg().toBuffer();
      const { thumbnail } = (await rendered(photo)).pages[0]!;
      expect((await sharp(thumbnail.bytes).metadata()).icc).toBeUndefined();
      const small = await colourAt({ rendition: thumbnail, thumbnail, legibility: [] }, 100, 100);
      expectColour(small, [16, 208, 48]);
    },
  );

  test("shows transparency as white paper", async () => {
    const clear = sharp({
      create: { width: 60, height: 40, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } },
    });
    for (const [mediaType, bytes] of [
      ["image/png", await clear.clone().png().toBuffer()],
      ["image/webp", await clear.clone().webp().toBuffer()],
    ] as const) {
      const [page] = (await rendered(bytes, mediaType)).pages;
      expectColour(await colourAt(page!, 30, 20), [255, 255, 255]);
    }
  });

  test.each([
    ["16 bits per channel", (image: Sharp) => image.toColourspace("rgb16").png(), "image/png"],
    ["grey", (image: Sharp) => image.greyscale().jpeg(), "image/jpeg"],
    ["16 bits of grey", (image: Sharp) => image.toColourspace("grey16").png(), "image/png"],
    ["CMYK", (image: Sharp) => image.toColourspace("cmyk").jpeg(), "image/jpeg"],
    ["a palette", (image: Sharp) => image.png({ palette: true }), "image/png"],
    ["LZW", (image: Sharp) => image.tiff({ compression: "lzw" }), "image/tiff"],
    ["BigTIFF", (image: Sharp) => image.tiff({ bigtiff: true }), "image/tiff"],
    [
      "one bit",
      (image: Sharp) => image.toColourspace("b-w").tiff({ bitdepth: 1, compression: "ccittfax4" }),
      "image/tiff",
    ],
    ["progressive", (image: Sharp) => image.jpeg({ progressive: true }), "image/jpeg"],
  ] as const)("is made of pictures of every kind: %s", async (_, encode, mediaType) => {
    const white = sharp({ create: { width: 300, height: 200, channels: 3, background: "#ffffff" } });
    const [page] = (await rendered(await encode(white).toBuffer(), mediaType)).pages;
    expect(page!.rendition).toMatchObject({ width: 300, height: 200 });
    expectColour(await colourAt(page!, 150, 100), [255, 255, 255]);
  });

  test("has the colours of a CMYK original without its profile", async () => {
    const cmyk = await halves(300, 200).toColourspace("cmyk").withIccProfile("cmyk").jpeg().toBuffer();
    expect((await sharp(cmyk).metadata()).hasProfile).toBe(true);
    const { rendition } = (await rendered(cmyk)).pages[0]!;
    const { space, hasProfile } = await sharp(rendition.bytes).metadata();
    expect({ space, hasProfile }).toEqual({ space: "srgb", hasProfile: false });
  });
});

describe("a TIFF of many pages", () => {
  const tiff = async (count: number) => {
    const page = await noise(40, 30).png().toBuffer();
    return sharp(
      Array.from({ length: count }, () => page),
      { join: { animated: true } },
    )
      .tiff()
      .toBuffer();
  };

  test("shows all its pages, up to the number of previews", async () => {
    expect(await rendered(await tiff(3), "image/tiff")).toMatchObject({ pageCount: 3, pages: { length: 3 } });
    const few = await renderPhoto(await tiff(3), "image/tiff", { ...allowance, previewPages: 2 });
    expect(few).toMatchObject({ outcome: "rendered", pageCount: 3, pages: { length: 2 } });
  });

  test("shows one page at least, when there is no time for more", async () => {
    const hurried = await renderPhoto(await tiff(3), "image/tiff", { ...allowance, softDeadlineMs: 0 });
    expect(hurried).toMatchObject({ outcome: "rendered", pageCount: 3, pages: { length: 1 } });
  });
});

describe("a picture above the limits", () => {
  /** A valid PNG header of any size in front of nothing: what is refused is never decoded. */
  function pngHeader(width: number, height: number): Buffer {
    const png = Buffer.from("89504e470d0a1a0a0000000d494844520000000000000000080200000000000000", "hex");
    png.writeUInt32BE(width, 16);
    png.writeUInt32BE(height, 20);
    return Buffer.concat([png, Buffer.from("0000000049444154", "hex")]);
  }
  const render = (width: number, height: number) =>
    renderPhoto(pngHeader(width, height), "image/png", allowance);

  test("is refused one pixel above 16,384, and looked at when it has just that", async () => {
    expect(await render(16_385, 10)).toMatchObject({
      outcome: "over_limit",
      limit: "side",
      actual: 16_385,
      allowed: 16_384,
    });
    expect(await render(16_384, 10)).toMatchObject({ outcome: "no_preview" });
  });

  test("is refused above 100 megapixels, and looked at when it has just that", async () => {
    const over = await render(10_001, 10_000);
    expect(over).toMatchObject({ outcome: "over_limit", limit: "megapixels", actual: 100.01, allowed: 100 });
    expect(await render(10_000, 10_000)).toMatchObject({ outcome: "no_preview" });
  });
});

describe("a damaged photo", () => {
  test("still shows what had arrived when the upload was cut off", async () => {
    const whole = await noise(1_200, 900).jpeg({ quality: 80 }).toBuffer();
    const [page] = (await rendered(whole.subarray(0, Math.floor(whole.length * 0.6)))).pages;
    expect(page!.rendition).toMatchObject({ width: 1_200, height: 900 });
    const [top, bottom] = await Promise.all([spread(page!, 50), spread(page!, 850)]);
    expect(top).toBeGreaterThan(20);
    expect(bottom).toBeLessThan(5);
  });

  test.each([1, 3, 6, 8])(
    "is said to be cut off, whichever way up it was held: orientation %i",
    async (orientation) => {
      const photo = noise(2_400, 1_800).withMetadata({ orientation });
      const whole = await photo.jpeg({ quality: 80 }).toBuffer();
      const legibilityOf = async (bytes: Buffer) => (await rendered(bytes)).pages[0]!.legibility;
      expect(await legibilityOf(whole.subarray(0, Math.floor(whole.length * 0.9)))).toContain("cut_off");
      expect(await legibilityOf(whole.subarray(0, -2))).not.toContain("cut_off"); // its end is not marked, and yet all of it is there
      expect(await legibilityOf(Buffer.concat([whole, Buffer.alloc(5_000, 9)]))).not.toContain("cut_off");
    },
  );

  test("that is a PNG is said to be cut off too", async () => {
    const whole = await noise(1_200, 900).png().toBuffer();
    const [page] = (await rendered(whole.subarray(0, Math.floor(whole.length * 0.6)), "image/png")).pages;
    expect(page!.legibility).toContain("cut_off");
  });

  test("is shown when it merely has bytes too many", async () => {
    const whole = await noise(400, 300).jpeg().toBuffer();
    expect(
      await renderPhoto(Buffer.concat([whole, Buffer.alloc(5_000, 9)]), "image/jpeg", allowance),
    ).toMatchObject({
      outcome: "rendered",
    });
  });

  test.each([
    [
      "garbage behind a valid header",
      (whole: Buffer) => Buffer.concat([whole.subarray(0, 640), garbage(90_000)]),
    ],
    ["a header and nothing more", (whole: Buffer) => whole.subarray(0, 640)],
    ["three bytes of a JPEG", (whole: Buffer) => whole.subarray(0, 3)],
    ["noise that begins like a JPEG", () => Buffer.from(`ffd8ff${"c7".repeat(500)}`, "hex")],
  ])("is broken when it shows nothing: %s", async (_, damage) => {
    const whole = await noise(1_200, 900).jpeg().toBuffer();
    const decoded = await renderPhoto(damage(whole), "image/jpeg", allowance);
    expect(decoded).toMatchObject({ outcome: "no_preview", reason: "broken" });
  });

  async function spread(page: RenderedPage, top: number): Promise<number> {
    const strip = sharp(page.rendition.bytes).extract({ left: 0, top, width: 400, height: 20 });
    return (await sharp(await strip.png().toBuffer()).stats()).channels[0]!.stdev;
  }
});
