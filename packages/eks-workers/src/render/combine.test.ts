import { PDFDocument, PDFName, PDFRawStream } from "pdf-lib";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { combineJpegs } from "./combine.ts";

async function jpeg(width: number, height: number, background = "#445566") {
  const bytes = await sharp({ create: { width, height, channels: 3, background } })
    .jpeg()
    .toBuffer();
  return { bytes, width, height };
}

const isPicture = ({ dict }: PDFRawStream) => dict.get(PDFName.of("Subtype")) === PDFName.of("Image");

describe("photos joined to one PDF", () => {
  test("are one page each, in order, their bytes embedded verbatim", async () => {
    const pages = [
      await jpeg(300, 400, "#110000"),
      await jpeg(400, 300, "#001100"),
      await jpeg(50, 900, "#000011"),
    ];
    const pdf = await combineJpegs(pages);
    const positions = pages.map(({ bytes }) => Buffer.from(pdf).indexOf(bytes));
    expect(positions.every((position) => position > 0)).toBe(true);
    expect((await PDFDocument.load(pdf)).getPageCount()).toBe(3);
  });

  test("have pages in the shape of the picture that fit on A4, upright or lying", async () => {
    const pdf = await PDFDocument.load(
      await combineJpegs([await jpeg(300, 400), await jpeg(400, 300), await jpeg(50, 900)]),
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
    expect(Buffer.from(await combineJpegs([{ ...size, bytes: within }])).includes(bytes)).toBe(true);
  });

  test("are described as what they are: size, colour or grey, length", async () => {
    const colour = await jpeg(300, 400);
    const grey = { ...colour, bytes: await sharp(colour.bytes).toColourspace("b-w").jpeg().toBuffer() };
    const pdf = await PDFDocument.load(await combineJpegs([colour, grey]));
    const streams = pdf.context.enumerateIndirectObjects().map(([, object]) => object);
    const pictures = streams.filter((object) => object instanceof PDFRawStream && isPicture(object));
    expect(pictures.map((picture) => (picture as PDFRawStream).contents.length)).toEqual([
      colour.bytes.length,
      grey.bytes.length,
    ]);
    const dictionaries = pictures.map((picture) => (picture as PDFRawStream).dict.toString());
    for (const [index, space] of ["DeviceRGB", "DeviceGray"].entries())
      expect(dictionaries[index]).toMatch(new RegExp(`/${space}\\s.*/Width 300\\s.*/Height 400\\s`, "s"));
  });

  test("are refused when one is no JPEG", async () => {
    const png = await sharp({ create: { width: 9, height: 9, channels: 3, background: "red" } })
      .png()
      .toBuffer();
    for (const bytes of [png, Buffer.alloc(0), Buffer.from([0xff, 0xd8, 0xff])])
      await expect(combineJpegs([{ bytes, width: 9, height: 9 }])).rejects.toThrow("not a JPEG");
  });

  test("give the same bytes for the same photos", async () => {
    const pages = [await jpeg(300, 400)];
    expect(Buffer.from(await combineJpegs(pages)).equals(await combineJpegs(pages))).toBe(true);
  });
});
