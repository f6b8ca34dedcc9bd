import fc from "fast-check";
import { expect, test } from "vitest";
import { formatTable, shorten, widthOf } from "./table.ts";
import { explainPages, formatBytes, formatDuration } from "./words.ts";

test("a shortened name fits, and keeps its beginning and its end", () => {
  expect(shorten("delivery-note-2025-11-20.jpg", 16)).toBe("delivery-n…0.jpg");
  expect(shorten("short.jpg", 9)).toBe("short.jpg");
  expect(shorten("Page 1 is a GIF: send a photo.", 16, "end")).toBe("Page 1 is a GIF…");
  fc.assert(
    fc.property(
      fc.string({ unit: "grapheme" }),
      fc.integer({ min: 1, max: 40 }),
      (text, width) => widthOf(shorten(text, width)) <= width,
    ),
  );
});

test("columns stay in line with wide letters", () => {
  const lines = formatTable(
    [{ title: "name" }, { title: "size", align: "right" }],
    [
      ["照片.jpg", "9 B"],
      ["a.jpg", "12 MB"],
    ],
  );
  expect(lines).toEqual(["name       size", "照片.jpg    9 B", "a.jpg     12 MB"]);
});

test("sizes and times are said as people say them", () => {
  expect([0, 999, 1000, 2_913_134, 52_428_800, 999_600, 209_715_200].map(formatBytes)).toEqual([
    "0 B",
    "999 B",
    "1.00 kB",
    "2.91 MB",
    "52.4 MB",
    "1.00 MB",
    "210 MB",
  ]);
  expect([0, 999, 1000, 59_400, 59_600, 3_600_000, 187_200_000].map(formatDuration)).toEqual([
    "0 ms",
    "999 ms",
    "1.0 s",
    "59.4 s",
    "1 min 0 s",
    "1 h 0 min",
    "2 d 4 h",
  ]);
});

test("every page gets a sentence, and a file without a preview says why", () => {
  const file = { position: 3, name: "c.pdf", noPreviewReason: "timed_out" };
  expect(
    explainPages({
      legibility: [
        { page: 1, reasons: [] },
        { page: 2, reasons: ["dark", "glare"] },
      ],
      files: [file] as never,
    }),
  ).toEqual([
    "page 1 looks readable",
    "page 2 is too dark: take it again with more light",
    "page 2 has glare on it: take it again, tilted away from the lamp",
    "file 3 (c.pdf) is kept as it came, without a preview: timed out",
  ]);
});

test("of a long PDF it is told how many pages it has, and how many are shown", () => {
  const photo = { position: 1, name: "cmr.jpg", pageCount: 1, noPreviewReason: null };
  const long = { position: 2, name: "annex.pdf", pageCount: 37, noPreviewReason: null };
  const locked = { position: 3, name: "locked.pdf", pageCount: null, noPreviewReason: "encrypted" };
  const legibility = Array.from({ length: 21 }, (_, index) => ({ page: index + 1, reasons: [] }));
  const files = [photo, long, locked] as never;
  expect(explainPages({ legibility, files }).slice(-2)).toEqual([
    "of the 37 pages of file 2 (annex.pdf) 20 are shown; all are kept",
    "file 3 (locked.pdf) is kept as it came, without a preview: encrypted",
  ]);
  expect(explainPages({ legibility: null, files: [long] as never })).toEqual([]);
  for (const pageCount of [20, null])
    expect(explainPages({ legibility, files: [photo, { ...long, pageCount }] as never })).toHaveLength(21);
});
