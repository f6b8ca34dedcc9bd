import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { page, picture } from "@strongroom/local/test-pipeline";
import { afterAll, describe, expect, it } from "vitest";
import { ArtefactName } from "../api-shapes.ts";
import { sha256Hex } from "../digest.ts";
import { fingerprintOf } from "../fingerprint.ts";
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
    fingerprint: fingerprintOf(bytes),
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
  const artefacts = listArtefacts(files);
  const names = artefacts.map(({ name }) => name);
  const combined = artefacts.find(({ name }) => name === "combined");
  return { artefacts, names, combined: combined && (await buffer(combined.open())) };
}

it("a photo becomes its original, a page and a thumbnail, each told with length, SHA-256 and fingerprint", async () => {
  const { artefacts } = await list(await file(1, { mediaType: "image/heic" }));
  expect(artefacts.map(({ name, mediaType }) => [name, mediaType])).toEqual([
    ["original-1", "image/heic"],
    ["page-1", "image/jpeg"],
    ["thumbnail-1", "image/jpeg"],
  ]);
  for (const { open, sizeBytes, sha256, fingerprint } of artefacts) {
    for (const bytes of [await buffer(open()), await buffer(open())]) {
      expect({ sizeBytes, sha256, fingerprint }).toEqual({
        sizeBytes: bytes.length,
        sha256: createHash("sha256").update(bytes).digest("hex"),
        fingerprint: fingerprintOf(bytes),
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
    expect(artefacts.find(({ name }) => name === "combined")!.mediaType).toBe("application/pdf");
    const at = ["p1", "p3"].map((mark) => combined!.indexOf(picture(`rendition ${mark}`)));
    expect(at[0]).toBeGreaterThan(0);
    expect(at[1]).toBeGreaterThan(at[0]!);
  });

  it("not of one photo, nor of PDFs, which are documents already", async () => {
    expect((await list(await file(1))).combined).toBeUndefined();
    expect((await list(await pdfOf(1, 2, 2), await pdfOf(2, 2, 2), await file(3))).combined).toBeUndefined();
    const { combined } = await list(await pdfOf(1, 2, 2), await file(2), await file(3));
    expect(combined!.includes("/Count 2 ")).toBe(true);
  });

  it("and is left out when a child called something a JPEG that is none", async () => {
    const bytes = Buffer.from("\xff\xd8\xff and no more", "latin1");
    const lie = { ...page("lie"), rendition: { bytes, width: 20, height: 30 } };
    const { names, combined } = await list(await file(1), await file(2, { pages: [lie] }));
    expect(combined).toBeUndefined();
    expect(names).toHaveLength(6);
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
