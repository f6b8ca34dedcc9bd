import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { renderPhoto } from "./photo.ts";
import { webpSize } from "./webp-size.ts";

const picture = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 4, background: "#8884" } });

describe("the size that a WebP declares", () => {
  test.each([
    ["lossy", { quality: 50 }, false],
    ["lossless", { lossless: true }, false],
    ["lossy with transparency", { quality: 50 }, true],
  ])("is read from its header: %s", async (_, options, isClear) => {
    const image = isClear ? picture(345, 67) : picture(345, 67).removeAlpha();
    expect(webpSize(await image.webp(options).toBuffer())).toEqual({ width: 345, height: 67 });
  });

  test("is not there when the header is cut or unknown", () => {
    expect(webpSize(Buffer.from("RIFF\0\0\0\0WEBPVP8 "))).toBeNull();
    for (const name of ["JUNK", "VP8 ", "VP8L"])
      expect(webpSize(Buffer.from(`RIFF\0\0\0\0WEBP${name}${"\xff".repeat(30)}`, "latin1"))).toBeNull();
  });

  test("is compared with the limits before libvips makes room for the picture", async () => {
    const bomb = await picture(64, 64).removeAlpha().webp().toBuffer();
    bomb.writeUInt32LE(0x3fff3fff, 26);
    expect(await renderPhoto(bomb, "image/webp", { previewPages: 1, softDeadlineMs: 1_000 })).toMatchObject({
      outcome: "over_limit",
      limit: "megapixels",
      allowed: 100,
    });
  });
});
