import { PDFDocument, PDFName, PDFRawStream } from "pdf-lib";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { combineJpegs } from "./combine-jpegs.ts";
import type { RenderedImage } from "./rendering.ts";

async function jpeg(width: number, height: number, background = "#445566") {
  const bytes = await sharp({ create: { width, height, channels: 3, background } })
    .jpeg()
    .toBuffer();
  return { bytes, width, height };
}

function join(pages: RenderedImage[]): Buffer {
  const pdf = combineJpegs(pages);
  if (pdf === null) throw new Error("not joined");
  return Buffer.from(pdf);
}

const isPicture = ({ dict }: PDFRawStream) => dict.get(PDFName.of("Subtype")) === PDFName.of("Image");

describe("photos joined to one PDF", () => {
  test("are one page each, in order, their bytes embedded verbatim", async () => {
    const pages = [
      await jpeg(300, 400, "#110000"),
      await jpeg(400, 300, "#001100"),
      await jpeg(50, 900, "#000011"),
    ];
    const pdf = join(pages);
    const positions = pages.map(({ bytes }) => pdf.indexOf(bytes));
    expect(positions.every((position) => position > 0)).toBe(true);
    expect((await PDFDocument.load(pdf)).getPageCount()).toBe(3);
  });

  test("have pages in the shape of the picture that fit on A4, upright or lying", async () => {
    const pdf = await PDFDocument.load(
      join([await jpeg(300, 400), await jpeg(400, 300), await jpeg(50, 900)]),
    );
    const sizes = pdf.getPages().map((page) => page.getSize());
    for (const [index, ratio] of [3 / 4, 4 / 3, 50 / 900].entries()) {
      const { width, height } = sizes[index]!;
      expect(width / height).toBeCloseTo(ratio, 5);
      expect(Math.min(width, height)).toBeLessThanOrEqual(595.29);
      expect(Math.max(width, height)).toBeLessThanOrEqual(841.9);
    }
    expect(sizes[0]!.width).toBeCloseTo(595.28, 2);
    expect(sizes[2]!.height).toBeCloseTo(841.89, 2);
  });

  test("may lie anywhere in a larger buffer", async () => {
    const { bytes, ...size } = await jpeg(30, 40);
    const within = Buffer.concat([Buffer.from("before"), bytes]).subarray(6);
    expect(join([{ ...size, bytes: within }]).includes(bytes)).toBe(true);
  });

  test("are described as what they are: size, colour or grey, length", async () => {
    const colour = await jpeg(300, 400);
    const grey = { ...colour, bytes: await sharp(colour.bytes).toColourspace("b-w").jpeg().toBuffer() };
    const pdf = await PDFDocument.load(join([colour, grey]));
    const streams = pdf.context.enumerateIndirectObjects().map(([, object]) => object);
    const pictures = streams.filter((object) => object instanceof PDFRawStream && isPicture(object));
    expect(pictures.map((picture) => (picture as PDFRawStream).contents.length)).toEqual([
      colour.bytes.length,
      grey.bytes.length,
    ]);
    const dictionaries = pictures.map((picture) => (picture as PDFRawStream).dict.toString());
    for (const [index, space] of ["DeviceRGB", "DeviceGray"].entries())
      expect(dictionaries[index]).toMatch(new RegExp(`/Width 300\\s.*/Height 400\\s.*/${space}\\s`, "s"));
  });

  test("are not joined when one is no JPEG, or one in CMYK", async () => {
    const png = await sharp({ create: { width: 9, height: 9, channels: 3, background: "red" } })
      .png()
      .toBuffer();
    const { bytes: rgb } = await jpeg(9, 9);
    const cmyk = await sharp(rgb).toColourspace("cmyk").jpeg().toBuffer();
    const cut = rgb.subarray(0, 30);
    for (const bytes of [png, cmyk, cut, Buffer.alloc(0), Buffer.from([0xff, 0xd8, 0xff])])
      expect(combineJpegs([await jpeg(9, 9), { bytes, width: 9, height: 9 }])).toBeNull();
  });

  test("are never read past their end, whatever a child calls a JPEG", async () => {
    const { bytes } = await jpeg(9, 9);
    for (let length = 0; length < bytes.length; length += 1) {
      const cut = bytes.subarray(0, length);
      for (const lie of [0x00, 0xff]) {
        const lying = Buffer.concat([cut.subarray(0, 4), Buffer.alloc(2, lie), cut.subarray(6)]);
        expect(() => combineJpegs([{ bytes: lying, width: 9, height: 9 }])).not.toThrow();
      }
    }
  });

  test("give the same bytes for the same photos", async () => {
    const pages = [await jpeg(300, 400)];
    expect(join(pages).equals(join(pages))).toBe(true);
  });
});
