import sharp, { type Sharp } from "sharp";
import { describe, expect, test } from "vitest";
import { isBlankDrawing, judgeLegibility, legibilitySide, minOriginalSide } from "./legibility.ts";

const width = 750;
const height = legibilitySide;
const original = { width: 3_000, height: 4_000 };

/** A page of words in rows, black on paper, as a camera sees it: slightly soft, with a little grain. */
function page(paper = 215, ink = 45): Uint8Array {
  const pixels = new Uint8Array(width * height).fill(paper);
  for (let row = 40; row < height - 40; row += 22) {
    for (let x = 50; x < width - 50; x += 1) {
      const isSpace = Math.floor(x / 38) % 4 === 3;
      const isStroke = (x * 7 + row * 13) % 9 < 4;
      if (!isSpace && isStroke) for (let y = row; y < row + 11; y += 1) pixels[y * width + x] = ink;
    }
  }
  return pixels;
}

async function through(pixels: Uint8Array, change: (image: Sharp) => Sharp): Promise<Uint8Array> {
  const image = sharp(pixels, { raw: { width, height, channels: 1 } });
  return change(image).extractChannel(0).raw().toBuffer();
}

const verdict = (pixels: Uint8Array) => judgeLegibility({ pixels, width, height, original });

describe("the verdict on a photographed page", () => {
  test("is empty for a sharp, well lit page", () => {
    expect(verdict(page())).toEqual([]);
  });

  test("is empty for a grey page in the shade, which is dim but readable", () => {
    expect(verdict(page(120, 30))).toEqual([]);
  });

  test.each([2, 3, 5])("is blurred after a blur of %d pixels at 1,000", async (sigma) => {
    expect(verdict(await through(page(), (image) => image.blur(sigma)))).toEqual(["blurred"]);
  });

  test("is blurred even when grain lies over the blur", async () => {
    const soft = await through(page(), (image) => image.blur(3));
    const grainy = soft.map((value, at) => Math.max(0, Math.min(255, value + ((at * 7_919) % 25) - 12)));
    expect(verdict(grainy)).toEqual(["blurred"]);
  });

  test("is blurred already when the edges of large print are no longer steps", async () => {
    const pixels = new Uint8Array(width * height).fill(215);
    for (let top = 50; top < 900; top += 90) {
      for (let left = 50; left < 680; left += 90) {
        for (let y = top; y < top + 20; y += 1) pixels.fill(45, y * width + left, y * width + left + 20);
      }
    }
    expect(verdict(pixels)).toEqual([]);
    expect(verdict(await through(pixels, (image) => image.blur(0.8)))).toEqual(["blurred"]);
  });

  test("is dark when the paper itself is nearly black", async () => {
    expect(verdict(await through(page(), (image) => image.linear(0.3, 0)))).toEqual(["dark"]);
  });

  test("is glare when a lamp has burnt a hole into the page", () => {
    const pixels = page();
    for (let y = 200; y < 450; y += 1) pixels.fill(255, y * width + 200, y * width + 450);
    expect(verdict(pixels)).toEqual(["glare"]);
  });

  test("is not glare for white paper as a scanner sees it", () => {
    expect(verdict(page(255, 20))).toEqual([]);
  });

  test("is blank for an empty sheet, and not blurred besides", () => {
    expect(verdict(new Uint8Array(width * height).fill(230))).toEqual(["blank"]);
  });

  test("is too small below 800 pixels of original, not at 800", () => {
    const judge = (side: number) =>
      judgeLegibility({ pixels: page(), width, height, original: { width: 10, height: side } });
    expect(judge(minOriginalSide - 1)).toEqual(["too_small"]);
    expect(judge(minOriginalSide)).toEqual([]);
  });

  test.each([
    [0, 0],
    [1, 1],
    [2, 5],
    [33, 1],
  ])("is given for %d × %d pixels too", (narrow, low) => {
    const pixels = new Uint8Array(narrow * low);
    expect(judgeLegibility({ pixels, width: narrow, height: low, original })).toContain("blank");
  });
});

describe("a drawn page", () => {
  const white = () => new Uint8Array(30 * 30 * 3).fill(255);

  test("is blank when nothing stands out", () => {
    expect(isBlankDrawing(white())).toBe(true);
    expect(isBlankDrawing(new Uint8Array(30 * 30 * 3))).toBe(true);
  });

  test("is not blank for a single dark dot", () => {
    expect(isBlankDrawing(white().fill(0, 300, 303))).toBe(false);
  });

  test("is not blank for black on blue, which differ in one colour only", () => {
    const pixels = white().map((_, at) => (at % 3 === 2 && at < 1_500 ? 255 : 0));
    expect(isBlankDrawing(pixels)).toBe(true); // blue ink is 28 of 255 bright: nobody reads black on it
    expect(isBlankDrawing(pixels.map((value, at) => (at % 3 === 1 && at < 1_500 ? 90 : value)))).toBe(false);
  });
});
