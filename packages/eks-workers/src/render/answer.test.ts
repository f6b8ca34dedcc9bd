import { describe, expect, test } from "vitest";
import { checkAnswer } from "./answer.ts";

const jpeg = Uint8Array.from([0xff, 0xd8, 0xff, 0xd9]);
const page = {
  rendition: { blob: 0, width: 10, height: 10 },
  thumbnail: { blob: 1, width: 5, height: 5 },
  legibility: [],
};
const good = {
  outcome: "rendered",
  mediaType: "image/png",
  pageCount: 1,
  pages: [page],
  text: null,
  captureFacts: null,
};
const job = { mediaType: "image/png" as const, allowance: { previewPages: 2, softDeadlineMs: 1 } };
const check = (header: Record<string, unknown>, blobs = [jpeg, jpeg]) => checkAnswer({ header, blobs }, job);
/** So many pages, each with pictures of its own. */
const pagesOf = (count: number) =>
  Array.from({ length: count }, (_, at) => ({
    ...page,
    rendition: { blob: 2 * at, width: 10, height: 10 },
    thumbnail: { blob: 2 * at + 1, width: 5, height: 5 },
  }));

describe("what a child answers", () => {
  test("is believed when it is what was asked for", () => {
    expect(check(good)).toMatchObject({
      outcome: "rendered",
      pages: [{ rendition: { bytes: jpeg, width: 10 } }],
    });
    const refusal = { outcome: "no_preview", mediaType: "image/png", reason: "broken", pageCount: null };
    expect(check(refusal)).toEqual(refusal);
  });

  test.each([
    ["an unknown outcome", { ...good, outcome: "fine" }],
    ["another type than the file has", { ...good, mediaType: "application/pdf" }],
    ["a field too many", { ...good, extra: 1 }],
    ["no page", { ...good, pages: [] }],
    [
      "an image that was not sent",
      { ...good, pages: [{ ...page, thumbnail: { blob: 2, width: 1, height: 1 } }] },
    ],
    [
      "an image beyond the size of a rendition",
      { ...good, pages: [{ ...page, rendition: { blob: 0, width: 2_001, height: 1 } }] },
    ],
    ["a verdict that does not exist", { ...good, pages: [{ ...page, legibility: ["ugly"] }] }],
    ["a verdict a hundred times", { ...good, pages: [{ ...page, legibility: Array(100).fill("dark") }] }],
    ["more pages than a database can count", { ...good, pageCount: 3_000_000_000 }],
    ["text of more pages than are read", { ...good, text: Array(501).fill("") }],
    ["a crash that it claims itself", { outcome: "crashed", mediaType: "image/png", cause: "killed" }],
    ["nothing", {}],
  ])("is not believed: %s", (_, header) => {
    expect(check(header)).toBeNull();
  });

  test("is not believed when it has more pages than it may, or names a picture twice", () => {
    const four = [jpeg, jpeg, jpeg, jpeg];
    expect(check({ ...good, pages: pagesOf(2) }, four)).toMatchObject({ outcome: "rendered" });
    expect(check({ ...good, pages: pagesOf(3) }, [...four, jpeg, jpeg])).toBeNull();
    expect(check({ ...good, pages: [page, page] })).toBeNull();
  });

  test("is not believed when an image is no JPEG", () => {
    expect(check(good, [jpeg, Buffer.from("<script>")])).toBeNull();
  });
});
