import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { page, standInRenderer } from "@strongroom/local/test-pipeline";
import { afterAll, describe, expect, it } from "vitest";
import { ArtefactName } from "../api-shapes.ts";
import { sha256Hex } from "../digest.ts";
import { documentLimits } from "./document.ts";
import { listArtefacts } from "./list-artefacts.ts";
import type { RenderedFile } from "./render-files.ts";

const scratch = await mkdtemp(join(tmpdir(), "strongroom-artefacts-"));
afterAll(() => rm(scratch, { recursive: true }));

async function file(position: number, made: Partial<RenderedFile> = {}): Promise<RenderedFile> {
  const bytes = Buffer.from(`original ${position}`);
  const path = join(scratch, `file-${position}`);
  await writeFile(path, bytes);
  const row = { position, size_bytes: bytes.length, sha256: sha256Hex(bytes) } as RenderedFile["file"];
  return {
    file: row,
    path,
    mediaType: "image/jpeg",
    pages: [page(`p${position}`)],
    pageCount: 1,
    noPreview: null,
    text: null,
    captureFacts: null,
    ...made,
  };
}
const pdfOf = (position: number, previews: number, pageCount: number) =>
  file(position, {
    mediaType: "application/pdf",
    pageCount,
    pages: Array.from({ length: previews }, (_, n) => page(`pdf ${n + 1}`)),
  });
const unseen = (position: number) => file(position, { pages: [], pageCount: null, noPreview: "broken" });

async function list(...files: RenderedFile[]) {
  const renderer = standInRenderer();
  const artefacts = await listArtefacts(renderer, files);
  return { artefacts, names: artefacts.map(({ name }) => name), combined: renderer.combined };
}

it("a photo becomes its original, a page and a thumbnail, each told with length and SHA-256", async () => {
  const { artefacts } = await list(await file(1, { mediaType: "image/heic" }));
  expect(artefacts.map(({ name, mediaType }) => [name, mediaType])).toEqual([
    ["original-1", "image/heic"],
    ["page-1", "image/jpeg"],
    ["thumbnail-1", "image/jpeg"],
  ]);
  for (const { open, sizeBytes, sha256 } of artefacts) {
    for (const bytes of [await buffer(open()), await buffer(open())]) {
      expect({ sizeBytes, sha256 }).toEqual({
        sizeBytes: bytes.length,
        sha256: createHash("sha256").update(bytes).digest("hex"),
      });
    }
  }
});

describe("pages are numbered as a person counts them over the whole document", () => {
  it("photo after photo", async () => {
    const { names } = await list(await file(1), await file(2), await file(3));
    expect(names.filter((name) => name.startsWith("page"))).toEqual(["page-1", "page-2", "page-3"]);
  });

  it("a page that cannot be shown keeps its number", async () => {
    const { names } = await list(await file(1), await unseen(2), await file(3));
    expect(names.filter((name) => /page|thumbnail/.test(name))).toEqual([
      "page-1",
      "thumbnail-1",
      "page-3",
      "thumbnail-3",
    ]);
  });

  it("a PDF counts all of its pages, also those without a preview", async () => {
    const { names } = await list(await pdfOf(1, 2, 30), await file(2));
    expect(names.filter((name) => name.startsWith("page"))).toEqual(["page-1", "page-2", "page-31"]);
  });

  it("and every name is one that a reader may ask for", async () => {
    const most = documentLimits.files * documentLimits.pdfPages;
    const { names } = await list(
      await pdfOf(1, 1, most - 2),
      await file(2, { captureFacts: { make: "x" } }),
      await file(3),
    );
    expect(names).toContain(`page-${most}`);
    expect(names.filter((name) => !ArtefactName.safeParse(name).success)).toEqual([]);
  });
});

describe("one combined PDF lies beside the photos", () => {
  it("of two photos or more, in page order", async () => {
    const { artefacts, combined } = await list(await file(1), await unseen(2), await file(3));
    expect(combined).toEqual([2]);
    const pdf = artefacts.find(({ name }) => name === "combined")!;
    expect(pdf.mediaType).toBe("application/pdf");
    expect(await buffer(pdf.open())).toEqual(Buffer.from("rendition p1rendition p3"));
  });

  it("not of one photo, nor of PDFs, which are documents already", async () => {
    expect((await list(await file(1))).combined).toEqual([]);
    expect((await list(await pdfOf(1, 2, 2), await pdfOf(2, 2, 2), await file(3))).combined).toEqual([]);
    expect((await list(await pdfOf(1, 2, 2), await file(2), await file(3))).combined).toEqual([2]);
  });

  it("and is left out when no child could make it", async () => {
    const artefacts = await listArtefacts({ combine: async () => null }, [await file(1), await file(2)]);
    expect(artefacts.map(({ name }) => name)).not.toContain("combined");
    expect(artefacts).toHaveLength(6);
  });
});

it("what the cameras wrote is sealed as one artefact, by file, and only when there is any", async () => {
  const { artefacts } = await list(
    await file(1),
    await file(2, { captureFacts: { make: "Nokia", gps: [1, 2] } }),
  );
  const facts = artefacts.find(({ name }) => name === "capture-facts")!;
  expect(facts.mediaType).toBe("application/json");
  expect(JSON.parse((await buffer(facts.open())).toString())).toEqual([
    { position: 2, make: "Nokia", gps: [1, 2] },
  ]);
  expect((await list(await file(1))).names).not.toContain("capture-facts");
});
