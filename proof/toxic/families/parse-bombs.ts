import {
  broken,
  heavy,
  inFamily,
  rendered,
  renderedOrBroken,
  tooManyPages,
  type ToxicFile,
} from "../toxic-file.ts";
import { fourSquares, manyPages, onePage, type PdfObject, writePdf } from "../write/pdf.ts";
import { noise } from "./foreign-types.ts";

const file = inFamily("parse bombs");

/** Files that keep a parser busy, send it round in circles or deeper than its stack. */
export function parseBombs(): ToxicFile[] {
  return [...nesting(), ...trees(), ...references()];
}

const page = (content: string, rest: Parameters<typeof onePage>[0] = {}) =>
  writePdf(onePage({ content, ...rest }));

function nesting(): ToxicFile[] {
  const dictionaries = (depth: number) => `${"<< /A ".repeat(depth)}1${" >>".repeat(depth)}`;
  const arrays = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;
  return [
    file(
      "pdf with dictionaries 200,000 deep in its catalog",
      writePdf(onePage({ catalog: `/Deep ${dictionaries(200_000)}` })),
      renderedOrBroken,
    ),
    file(
      "pdf with arrays 500,000 deep in its catalog",
      writePdf(onePage({ catalog: `/Deep ${arrays(500_000)}` })),
      renderedOrBroken,
    ),
    file(
      "pdf with arrays 100,000 deep that never end",
      writePdf(onePage({ page: `/Deep ${"[".repeat(100_000)}` })),
      renderedOrBroken,
    ),
    file("pdf with arrays 300,000 deep in its content", page(`${arrays(300_000)} TJ\n${fourSquares}`), heavy),
    file(
      "pdf with parentheses 300,000 deep",
      page(`BT ${"(".repeat(300_000)}x${")".repeat(300_000)} Tj ET`),
      heavy,
    ),
    file(
      "pdf with a name of a megabyte",
      writePdf(onePage({ catalog: `/${"N".repeat(1_000_000)} 1` })),
      renderedOrBroken,
    ),
    file(
      "pdf with a number of a megabyte",
      writePdf(onePage({ catalog: `/Big ${"9".repeat(1_000_000)}` })),
      renderedOrBroken,
    ),
    file("pdf with 300,000 q and no Q", page("q ".repeat(300_000) + fourSquares), heavy),
    file("pdf with 300,000 marked contents begun", page(`${"/A BMC ".repeat(300_000)}${fourSquares}`), heavy),
  ];
}

function trees(): ToxicFile[] {
  const withKids = (pages: string, more: PdfObject[] = []) => {
    const objects = onePage({ more });
    objects[1] = pages;
    return writePdf(objects);
  };
  return [
    file("pdf of 500 pages", manyPages(500), rendered),
    file("pdf of 501 pages", manyPages(501), tooManyPages),
    file("pdf of 10,000 pages", manyPages(10_000), tooManyPages),
    file(
      "pdf that claims 1,000,000,000 pages",
      withKids("<< /Type /Pages /Kids [3 0 R] /Count 1000000000 >>"),
      [...tooManyPages, ...renderedOrBroken],
    ),
    file(
      "pdf that claims -1 pages",
      withKids("<< /Type /Pages /Kids [3 0 R] /Count -1 >>"),
      renderedOrBroken,
    ),
    file("pdf that claims no pages", withKids("<< /Type /Pages /Kids [3 0 R] /Count 0 >>"), renderedOrBroken),
    file(
      "pdf whose page tree is its own kid",
      withKids("<< /Type /Pages /Kids [2 0 R] /Count 1 >>"),
      renderedOrBroken,
    ),
    file(
      "pdf whose page tree has a cycle of two",
      withKids("<< /Type /Pages /Kids [6 0 R 3 0 R] /Count 2 >>", [
        "<< /Type /Pages /Parent 2 0 R /Kids [2 0 R] /Count 1 >>",
      ]),
      renderedOrBroken,
    ),
    file(
      "pdf whose kid is named 100,000 times",
      withKids(`<< /Type /Pages /Kids [${"3 0 R ".repeat(100_000)}] /Count 100000 >>`),
      tooManyPages,
    ),
    file(
      "pdf with a page tree that doubles 30 times",
      withKids("<< /Type /Pages /Kids [6 0 R 6 0 R] /Count 1073741824 >>", doubling(30)),
      [...tooManyPages, ...heavy],
    ),
    file(
      "pdf with a page tree that doubles 30 times and claims 2",
      withKids("<< /Type /Pages /Kids [6 0 R 6 0 R] /Count 2 >>", doubling(30)),
      heavy,
    ),
    file(
      "pdf with a page tree 5,000 deep",
      withKids("<< /Type /Pages /Kids [6 0 R] /Count 1 >>", chain(5_000)),
      renderedOrBroken,
    ),
    file(
      "pdf whose parents go round",
      withKids("<< /Type /Pages /Kids [3 0 R] /Count 1 /Parent 2 0 R >>"),
      renderedOrBroken,
    ),
    file(
      "pdf whose outline is its own next",
      writePdf(
        onePage({
          catalog: "/Outlines 6 0 R",
          more: ["<< /First 6 0 R /Last 6 0 R /Next 6 0 R /Parent 6 0 R /Title (x) >>"],
        }),
      ),
      rendered,
    ),
    file(
      "pdf whose name tree is its own kid",
      writePdf(
        onePage({
          catalog: "/Names << /Dests 6 0 R /JavaScript 6 0 R /EmbeddedFiles 6 0 R >>",
          more: ["<< /Kids [6 0 R 6 0 R] >>"],
        }),
      ),
      rendered,
    ),
    file(
      "pdf with a form whose field is its own kid",
      writePdf(
        onePage({
          catalog: "/AcroForm << /Fields [6 0 R] >>",
          page: "/Annots [6 0 R]",
          more: [
            "<< /FT /Tx /T (x) /Kids [6 0 R] /Parent 6 0 R /Type /Annot /Subtype /Widget /Rect [0 0 9 9] >>",
          ],
        }),
      ),
      renderedOrBroken,
    ),
  ];
}

function doubling(levels: number): PdfObject[] {
  return Array.from({ length: levels }, (_, index) => {
    const kid = index === levels - 1 ? "3 0 R" : `${index + 7} 0 R`;
    return `<< /Type /Pages /Parent ${index === 0 ? 2 : index + 5} 0 R /Kids [${kid} ${kid}] /Count 2 >>`;
  });
}

function chain(levels: number): PdfObject[] {
  return Array.from(
    { length: levels },
    (_, index) =>
      `<< /Type /Pages /Parent ${index === 0 ? 2 : index + 5} 0 R /Kids [${index === levels - 1 ? 3 : index + 7} 0 R] /Count 1 >>`,
  );
}

function references(): ToxicFile[] {
  const plain = writePdf(onePage());
  const xrefAt = plain.lastIndexOf("xref\n0");
  const megabyte = () => noise(1_000_000, 5);
  return [
    file(
      "pdf whose Prev is its own table",
      writePdf(onePage(), { trailer: `/Prev ${xrefAt}` }),
      renderedOrBroken,
    ),
    file("pdf with two tables that name one another", twoTables(), renderedOrBroken),
    file(
      "pdf whose startxref lies beyond the end",
      writePdf(onePage(), { startxref: 4_000_000_000 }),
      renderedOrBroken,
    ),
    file(
      "pdf whose startxref is itself",
      writePdf(onePage(), { startxref: plain.length - 10 }),
      renderedOrBroken,
    ),
    file(
      "pdf with a table of 4,000,000,000 entries",
      Buffer.from(plain.toString("latin1").replace("xref\n0 6", "xref\n0 4000000000"), "latin1"),
      renderedOrBroken,
    ),
    file(
      "pdf whose length is its own stream",
      writePdf(onePage({ contentEntries: "/Length 4 0 R" })),
      renderedOrBroken,
    ),
    file("pdf whose catalog is a reference to itself", writePdf(["1 0 R", ...onePage().slice(1)]), broken),
    file(
      "pdf whose objects refer to one another in a ring",
      writePdf(onePage({ page: "/MediaBox 6 0 R", more: ["7 0 R", "8 0 R", "6 0 R"] })),
      renderedOrBroken,
    ),
    file(
      "pdf behind a megabyte of noise",
      () => Buffer.concat([Buffer.from("%PDF-1.4\n"), megabyte(), plain]),
      heavy,
    ),
    file(
      "pdf with a megabyte of noise behind it",
      () => Buffer.concat([plain, megabyte()]),
      renderedOrBroken,
    ),
    file(
      "pdf whose header stands at byte 1,000",
      Buffer.concat([Buffer.alloc(1_000, 0x20), plain]),
      renderedOrBroken,
    ),
    file(
      "pdf with 400,000 objects",
      () => writePdf(onePage({ more: Array.from({ length: 400_000 }, () => "null") })),
      heavy,
    ),
    file(
      "pdf with 100,000 empty updates",
      Buffer.concat([plain, Buffer.from(`startxref\n${xrefAt}\n%%EOF\n`.repeat(100_000))]),
      renderedOrBroken,
    ),
    file(
      "pdf with an external stream of this machine",
      writePdf(onePage({ contentEntries: "/F (/etc/passwd) /Length 0" })),
      renderedOrBroken,
    ),
  ];
}

function twoTables(): Buffer {
  const first = writePdf(onePage());
  const at = first.lastIndexOf("xref\n0");
  const second = `xref\n0 1\n0000000000 65535 f \ntrailer\n<< /Size 6 /Root 1 0 R /Prev ${at} >>\nstartxref\n${first.length + 30}\n%%EOF\n`;
  const text = first
    .toString("latin1")
    .replace("/Root 1 0 R  >>", `/Root 1 0 R /Prev ${first.length + 30} >>`);
  return Buffer.concat([
    Buffer.from(text, "latin1"),
    Buffer.from(" ".repeat(first.length + 30 - text.length) + second),
  ]);
}
