import { describe, expect, it } from "vitest";
import { documentLimits } from "./document.ts";
import { checksumMismatch, overLimit, pageName, renderLimits, unsupportedType } from "./rejection.ts";

describe("a rejection says in plain words which page, what is wrong with it and what to do", () => {
  it.each([
    [
      unsupportedType("Page 2 of 3", "a GIF picture"),
      "unsupported_type",
      /^Page 2 of 3 is a GIF picture\. .*JPEG.*PDF.* Take a photo of the page/,
    ],
    [unsupportedType("The file", null), "unsupported_type", /^The file is neither a photo nor a PDF\. /],
    [
      checksumMismatch("Page 1 of 2"),
      "checksum_mismatch",
      /^Page 1 of 2 changed on its way to us\. Send the document again\.$/,
    ],
    [
      overLimit("The file", "megapixels", 100.01, 100),
      "too_many_pixels",
      /^The file has 101 megapixels, the limit is 100\. .*lower resolution/,
    ],
    [
      overLimit("Page 3 of 3", "side", 16_385, 16_384),
      "side_too_long",
      /^Page 3 of 3 is 16385 pixels long on one side, the limit is 16384\. /,
    ],
    [
      overLimit("The file", "pages", 501, 500),
      "too_many_pages",
      /^The file has 501 pages, the limit is 500\. Split the PDF/,
    ],
  ])("%o", ({ reason, detail }, expectedReason, words) => {
    expect(reason).toBe(expectedReason);
    expect(detail).toMatch(words);
  });
});

it("a page is named by its place only when there are several", () => {
  expect([pageName(1, 1), pageName(1, 2), pageName(50, 50)]).toEqual([
    "The file",
    "Page 1 of 2",
    "Page 50 of 50",
  ]);
});

it("decode children get the limits of a document", () => {
  expect(renderLimits).toEqual({
    megapixels: documentLimits.megapixels,
    side: documentLimits.sidePixels,
    pages: documentLimits.pdfPages,
  });
});
