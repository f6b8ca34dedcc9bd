/** The body of an object, between `obj` and `endobj`. */
export type PdfObject = string | Buffer;

/** A stream object; `entries` are written as they stand, `/Length` is true unless they name one. */
export function pdfStream(bytes: Uint8Array | string, entries = ""): Buffer {
  const content = Buffer.from(bytes as Uint8Array);
  const length = entries.includes("/Length") ? "" : ` /Length ${content.length}`;
  return Buffer.concat([
    Buffer.from(`<<${length} ${entries} >>\nstream\n`),
    content,
    Buffer.from("\nendstream"),
  ]);
}

type Options = {
  header?: string | Buffer;
  /** Entries of the trailer beside Size and Root. */
  trailer?: string;
  /** What stands in place of `startxref`'s number. */
  startxref?: number;
};

/** A PDF of these objects, numbered from 1, with a cross-reference table; object 1 is the catalog. */
export function writePdf(objects: readonly PdfObject[], options: Options = {}): Buffer {
  const { header = "%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", trailer = "" } = options;
  const pieces: Buffer[] = [Buffer.from(header as string, "latin1")];
  let at = pieces[0]!.length;
  const offsets = objects.map((body, index) => {
    const offset = at;
    const piece = Buffer.concat([
      Buffer.from(`${index + 1} 0 obj\n`),
      Buffer.from(body as string, "latin1"),
      Buffer.from("\nendobj\n"),
    ]);
    pieces.push(piece);
    at += piece.length;
    return offset;
  });
  const rows = offsets.map((offset) => `${String(offset).padStart(10, "0")} 00000 n \n`).join("");
  pieces.push(
    Buffer.from(
      `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${rows}` +
        `trailer\n<< /Size ${objects.length + 1} /Root 1 0 R ${trailer} >>\nstartxref\n${options.startxref ?? at}\n%%EOF\n`,
    ),
  );
  return Buffer.concat(pieces);
}

const size = 300;

/** Four coloured squares and a line of text, as the content of a page of 300 × 300 points. */
export const fourSquares = [
  `0.784 0.157 0.157 rg 0 150 150 150 re f`,
  `0.157 0.627 0.235 rg 150 150 150 150 re f`,
  `0.196 0.275 0.784 rg 0 0 150 150 re f`,
  `0.863 0.784 0.235 rg 150 0 150 150 re f`,
  `0 g BT /F1 12 Tf 10 140 Td (Strongroom proof of toxic files) Tj ET`,
].join("\n");

type OnePage = {
  /** Entries of the dictionaries, beside what they need. */
  catalog?: string;
  pages?: string;
  page?: string;
  resources?: string;
  content?: Buffer | string;
  /** Entries of the content's dictionary. */
  contentEntries?: string;
  /** Objects from number 6 on. */
  more?: readonly PdfObject[];
};

/** The objects of a PDF of one page: 1 catalog, 2 pages, 3 page, 4 content, 5 font, 6 and on `more`. */
export function onePage(options: OnePage = {}): PdfObject[] {
  const {
    catalog = "",
    page = "",
    resources = "",
    content = fourSquares,
    contentEntries = "",
    more = [],
  } = options;
  return [
    `<< /Type /Catalog /Pages 2 0 R ${catalog} >>`,
    `<< /Type /Pages /Kids [3 0 R] /Count 1 ${options.pages ?? ""} >>`,
    `<< /Type /Page /Parent 2 0 R ${page.includes("/MediaBox") ? "" : `/MediaBox [0 0 ${size} ${size}]`} /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> ${resources} >> ${page} >>`,
    pdfStream(content, contentEntries),
    `<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>`,
    ...more,
  ];
}

/** As many pages with the same content; `inOneNode` false gives a tree of tens. */
export function manyPages(count: number): Buffer {
  const kids = Array.from({ length: count }, (_, index) => `${index + 5} 0 R`).join(" ");
  return writePdf([
    `<< /Type /Catalog /Pages 2 0 R >>`,
    `<< /Type /Pages /Kids [${kids}] /Count ${count} /MediaBox [0 0 ${size} ${size}] /Resources << /Font << /F1 3 0 R >> >> >>`,
    `<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>`,
    pdfStream(fourSquares),
    ...Array.from({ length: count }, () => `<< /Type /Page /Parent 2 0 R /Contents 4 0 R >>`),
  ]);
}
