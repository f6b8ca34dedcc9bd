import { crashed, page, pdf, photo, type RenderJob, standInRenderer } from "@strongroom/local/test-pipeline";
import { describe, expect, it } from "vitest";
import type { FetchedFile } from "./fetch-files.ts";
import { type GivenUp, mostPreviewBytes, renderFiles } from "./render-files.ts";
import { noPreviewReasons, type Rendering } from "./rendering.ts";

const fetched = (position: number, known: Partial<FetchedFile["file"]> = {}): FetchedFile => ({
  file: { position, detected_type: null, no_preview_reason: null, ...known } as FetchedFile["file"],
  path: `/scratch/file-${position}`,
  fingerprint: "",
  intact: true,
});

async function render(
  answer: (job: RenderJob, before: number) => Rendering,
  { files = [fetched(1)], crashesBefore = 0 } = {},
) {
  const renderer = standInRenderer(answer);
  const crashes: (GivenUp | null)[] = [];
  const { signal } = new AbortController();
  const onCrash = async (_file: unknown, givenUp: GivenUp | null) => void crashes.push(givenUp);
  const rendered = await renderFiles(renderer, files, { signal, crashesBefore, onCrash });
  return {
    rendered,
    crashes,
    tries: renderer.jobs.map(({ path, tight }) => `${path.at(-1)}${tight ? " tight" : ""}`),
  };
}

describe("the files of a document", () => {
  it("are rendered in page order, each once", async () => {
    const { rendered, tries, crashes } = await render(({ path }) => photo(path), {
      files: [fetched(1), fetched(2), fetched(3)],
    });
    expect(rendered).toMatchObject(
      [1, 2, 3].map((n) => ({
        file: { position: n },
        mediaType: "image/jpeg",
        pageCount: 1,
        noPreview: null,
      })),
    );
    expect({ tries, crashes }).toEqual({ tries: ["1", "2", "3"], crashes: [] });
  });

  it("keep the first page alone once their previews are too much to be held together", async () => {
    const half = Math.floor(mostPreviewBytes / 2);
    const heavy = (bytes: number): Rendering => {
      const { rendition, ...rest } = page("heavy");
      const pages = [1, 2, 3].map(() => ({
        ...rest,
        rendition: { ...rendition, bytes: Buffer.alloc(bytes) },
      }));
      return { ...pdf(0, ["", "", ""]), pages } as Rendering;
    };
    const answers = [heavy(Math.floor(half / 3)), heavy(half), heavy(10), photo()];
    const { rendered } = await render((_job, before) => answers[before]!, {
      files: [1, 2, 3, 4].map((position) => fetched(position)),
    });
    if (!Array.isArray(rendered)) throw new Error("rejected");
    expect(rendered.map(({ pages, pageCount }) => [pages.length, pageCount])).toEqual([
      [3, 3],
      [1, 3],
      [1, 3],
      [1, 1],
    ]);
  });

  it("reject the document with the first one that cannot be taken, named by its place; those after it are not tried", async () => {
    const answers: Rendering[] = [photo(), { outcome: "unsupported", detected: "a GIF picture" }, photo()];
    const { rendered, tries } = await render((_job, before) => answers[before]!, {
      files: [fetched(1), fetched(2), fetched(3)],
    });
    expect(rendered).toEqual({
      reason: "unsupported_type",
      detail: expect.stringMatching(/^Page 2 of 3 is a GIF picture/),
    });
    expect(tries).toEqual(["1", "2"]);
  });

  it.each(["megapixels", "side", "pages"] as const)(
    "reject the document when one breaks the limit of its %s",
    async (limit) => {
      const { rendered } = await render(() => ({
        outcome: "over_limit",
        mediaType: "image/png",
        limit,
        actual: 1_000,
        allowed: 999,
      }));
      expect(rendered).toMatchObject({ detail: expect.stringMatching(/^The file .*1000 .*999/) });
    },
  );

  it.each(noPreviewReasons)("are kept without a preview when it is impossible: %s", async (reason) => {
    const { rendered, crashes } = await render(() => ({
      outcome: "no_preview",
      mediaType: "application/pdf",
      reason,
      pageCount: 4,
    }));
    expect(rendered).toMatchObject([
      {
        mediaType: "application/pdf",
        noPreview: reason,
        pageCount: 4,
        pages: [],
        text: null,
        captureFacts: null,
      },
    ]);
    expect(crashes).toEqual([]);
  });

  it("keep the text of all pages beside the previews of the first", async () => {
    const { rendered } = await render(() => pdf(2, ["one", "two", "three"]));
    expect(rendered).toMatchObject([{ pageCount: 3, pages: [{}, {}], text: ["one", "two", "three"] }]);
  });
});

describe("a file whose child dies", () => {
  it("is tried once more with tighter limits, and that may do", async () => {
    const { rendered, tries, crashes } = await render((_job, before) => (before === 0 ? crashed() : photo()));
    expect(rendered).toMatchObject([{ noPreview: null }]);
    expect({ tries, crashes }).toEqual({ tries: ["1", "1 tight"], crashes: [null] });
  });

  it.each([
    ["timed_out", "timed_out"],
    ["out_of_memory", "out_of_memory"],
    ["killed", "decoder_crashed"],
  ] as const)("twice goes without a preview: %s", async (cause, noPreview) => {
    const { rendered, tries, crashes } = await render(() => crashed(cause));
    expect(rendered).toMatchObject([{ noPreview, mediaType: "image/jpeg", pageCount: null, pages: [] }]);
    expect({ tries, crashes }).toEqual({
      tries: ["1", "1 tight"],
      crashes: [null, { mediaType: "image/jpeg", noPreview }],
    });
  });

  it.each([1, 2, 3, 20])(
    "after %i crashes under earlier claims gets one tight try",
    async (crashesBefore) => {
      const { rendered, tries, crashes } = await render(() => crashed(), { crashesBefore });
      expect(rendered).toMatchObject([{ noPreview: "decoder_crashed" }]);
      expect(tries).toEqual(["1 tight"]);
      expect(crashes).toEqual([{ mediaType: "image/jpeg", noPreview: "decoder_crashed" }]);
    },
  );

  it.each(["timed_out", "out_of_memory", "decoder_crashed"])(
    "and was given up under an earlier claim gets no child any more: %s",
    async (reason) => {
      const given = fetched(1, { detected_type: "image/heic", no_preview_reason: reason });
      const { rendered, tries } = await render(() => photo(), {
        files: [given, fetched(2)],
        crashesBefore: 2,
      });
      expect(rendered).toMatchObject([
        { noPreview: reason, mediaType: "image/heic", pageCount: null },
        { noPreview: null },
      ]);
      expect(tries).toEqual(["2"]);
    },
  );

  it("and is one too many for those that were given up is met in each file with a tight try", async () => {
    const given = fetched(1, { detected_type: "image/heic", no_preview_reason: "timed_out" });
    const { tries } = await render(() => photo(), {
      files: [given, fetched(2), fetched(3)],
      crashesBefore: 3,
    });
    expect(tries).toEqual(["2 tight", "3 tight"]);
  });

  it("takes both tries of three files at most; those after them have the tight one", async () => {
    const { tries } = await render(({ path }) => (path.endsWith("5") ? photo() : crashed()), {
      files: [1, 2, 3, 4, 5].map((position) => fetched(position)),
    });
    expect(tries).toEqual(["1", "1 tight", "2", "2 tight", "3", "3 tight", "4 tight", "5 tight"]);
  });

  it("does not take the next file's first try from it under the same claim", async () => {
    const { tries } = await render(({ path }) => (path.endsWith("1") ? crashed() : photo()), {
      files: [fetched(1), fetched(2)],
    });
    expect(tries).toEqual(["1", "1 tight", "2"]);
  });
});

it("the signal of the attempt reaches every child, and a fault of ours is not taken for a crash", async () => {
  const { signal } = new AbortController();
  const renderer = standInRenderer(() => Promise.reject(new Error("no child could be started")) as never);
  const onCrash = () => Promise.reject(new Error("counted"));
  await expect(renderFiles(renderer, [fetched(1)], { signal, crashesBefore: 0, onCrash })).rejects.toThrow(
    "no child could be started",
  );
  expect(renderer.jobs.map((job) => job.signal)).toEqual([signal]);
});
