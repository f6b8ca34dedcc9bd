import type { RenderedImage } from "./rendering.ts";

/** A4 in points (1/72 inch). */
const a4 = { short: 595.28, long: 841.89 };
/** Catalogue, page tree and information; the pages follow, three objects each. */
const [catalogue, tree, information, firstPage] = [1, 2, 3, 4];
const objectsPerPage = 3;

/**
 * Joins JPEGs into one PDF (ISO 32000-1), a page each, bytes embedded verbatim; a page has its picture's shape and fits
 * on A4. The same pictures give the same bytes: the dates are the epoch. Of the pictures only the headers of their
 * segments are read, so it needs no child; null when one is no JPEG in grey or colour.
 */
export function combineJpegs(pages: readonly RenderedImage[]): Uint8Array | null {
  const spaces = pages.map(({ bytes }) => colourSpaces.get(componentsOf(bytes)));
  if (spaces.includes(undefined)) return null;
  const file = new PdfFile();
  const kids = pages.map((_, index) => `${firstPage + index * objectsPerPage} 0 R`).join(" ");
  const epoch = "(D:19700101000000Z)";
  file.add(`<< /Type /Catalog /Pages ${tree} 0 R >>`);
  file.add(`<< /Type /Pages /Count ${pages.length} /Kids [${kids}] >>`);
  file.add(`<< /Producer (Strongroom) /CreationDate ${epoch} /ModDate ${epoch} >>`);
  pages.forEach((page, index) => addPage(file, page, spaces[index]!));
  return file.end();
}

function addPage(file: PdfFile, { bytes, width, height }: RenderedImage, colourSpace: string): void {
  const [across, down] = fitA4(width, height);
  const [contents, image] = [file.next + 1, file.next + 2];
  file.add(
    `<< /Type /Page /Parent ${tree} 0 R /MediaBox [0 0 ${across} ${down}] /Contents ${contents} 0 R ` +
      `/Resources << /XObject << /Image ${image} 0 R >> >> >>`,
  );
  file.addStream("", Buffer.from(`q ${across} 0 0 ${down} 0 0 cm /Image Do Q`));
  const size = `/Width ${width} /Height ${height} /BitsPerComponent 8`;
  file.addStream(
    `/Type /XObject /Subtype /Image ${size} /ColorSpace ${colourSpace} /Filter /DCTDecode `,
    bytes,
  );
}

/** Objects one after another, and where each begins. */
class PdfFile {
  readonly #parts: Uint8Array[] = [];
  readonly #offsets: number[] = [];
  #length = 0;

  constructor() {
    // Four bytes above 127 tell whoever moves the file that it is no text.
    this.#write("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n");
  }

  /** The number that the next object gets. */
  get next(): number {
    return this.#offsets.length + 1;
  }

  add(dictionary: string): void {
    this.#begin();
    this.#write(`${dictionary}\nendobj\n`);
  }

  addStream(entries: string, bytes: Uint8Array): void {
    this.#begin();
    this.#write(`<< ${entries}/Length ${bytes.length} >>\nstream\n`);
    this.#write(bytes);
    this.#write("\nendstream\nendobj\n");
  }

  end(): Uint8Array {
    const start = this.#length;
    // Twenty bytes a line, as the format has it.
    const lines = this.#offsets.map((offset) => `${String(offset).padStart(10, "0")} 00000 n \n`);
    this.#write(`xref\n0 ${this.next}\n0000000000 65535 f \n${lines.join("")}`);
    this.#write(`trailer\n<< /Size ${this.next} /Root ${catalogue} 0 R /Info ${information} 0 R >>\n`);
    this.#write(`startxref\n${start}\n%%EOF\n`);
    return Buffer.concat(this.#parts, this.#length);
  }

  #begin(): void {
    this.#offsets.push(this.#length);
    this.#write(`${this.#offsets.length} 0 obj\n`);
  }

  #write(part: string | Uint8Array): void {
    const bytes = typeof part === "string" ? Buffer.from(part, "latin1") : part;
    this.#parts.push(bytes);
    this.#length += bytes.length;
  }
}

/** By the number of components; four would be CMYK, which no rendition is. */
const colourSpaces = new Map([
  [1, "/DeviceGray"],
  [3, "/DeviceRGB"],
]);

/** Colour components that the frame header of a JPEG names; 0 when there is none. */
function componentsOf(jpeg: Uint8Array): number {
  const view = new DataView(jpeg.buffer, jpeg.byteOffset, jpeg.byteLength);
  for (let at = 2; at + 9 < jpeg.length && view.getUint8(at) === 0xff; at += 2 + view.getUint16(at + 2)) {
    if (isFrameHeader(view.getUint8(at + 1))) return view.getUint8(at + 9);
  }
  return 0;
}

/** SOF0 to SOF15 without DHT, JPG and DAC, which stand between them. */
function isFrameHeader(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
}

/** Points across and down, as a PDF writes them. */
function fitA4(width: number, height: number): [string, string] {
  const [across, down] = width > height ? [a4.long, a4.short] : [a4.short, a4.long];
  const scale = Math.min(across / width, down / height);
  return [(width * scale).toFixed(4), (height * scale).toFixed(4)];
}
