import { degrees, drawImage, type PDFDict, PDFDocument, type PDFPage, type PDFRef, PDFStream } from "pdf-lib";
import type { RenderedImage } from "@strongroom/core/document/rendering";

/** A4 in points (1/72 inch). */
const a4 = { short: 595.28, long: 841.89 };

/**
 * Joins JPEGs into one PDF, a page each, bytes embedded verbatim; a page has its picture's shape and fits on A4.
 * The same pictures give the same bytes: the dates are the epoch. @throws on what is no JPEG, in grey or colour.
 */
export async function combineJpegs(pages: RenderedImage[]): Promise<Uint8Array> {
  const pdf = await PDFDocument.create({ updateMetadata: false });
  pdf.setProducer("Strongroom");
  pdf.setCreationDate(new Date(0));
  pdf.setModificationDate(new Date(0));
  for (const picture of pages) {
    const [width, height] = fitA4(picture.width, picture.height);
    show(embed(pdf, picture), pdf.addPage([width, height]));
  }
  return pdf.save({ useObjectStreams: false, addDefaultPage: false });
}

/** Not by pdf-lib's own embedding, which wants a copy of every picture. */
function embed({ context }: PDFDocument, { bytes, width, height }: RenderedImage): PDFRef {
  const ColorSpace = componentsOf(bytes) === 1 ? "DeviceGray" : "DeviceRGB";
  const head = { Type: "XObject", Subtype: "Image", Filter: "DCTDecode", BitsPerComponent: 8 };
  const dict = context.obj({ ...head, ColorSpace, Width: width, Height: height });
  return context.register(new VerbatimStream(dict, bytes));
}

function show(image: PDFRef, page: PDFPage): void {
  const name = page.node.newXObject("Image", image);
  const flat = { rotate: degrees(0), xSkew: degrees(0), ySkew: degrees(0) };
  page.pushOperators(...drawImage(name, { x: 0, y: 0, ...page.getSize(), ...flat }));
}

const [open, close] = ["\nstream\n", "\nendstream"].map((word) => Buffer.from(word, "latin1")) as [
  Buffer,
  Buffer,
];

/** A stream of pdf-lib writes its bytes one by one, which takes several times as long as copying them. */
class VerbatimStream extends PDFStream {
  readonly #bytes: Uint8Array;

  constructor(dict: PDFDict, bytes: Uint8Array) {
    super(dict);
    this.#bytes = bytes;
  }

  override getContentsSize(): number {
    return this.#bytes.length;
  }

  override copyBytesInto(buffer: Uint8Array, offset: number): number {
    this.updateDict();
    let at = offset + this.dict.copyBytesInto(buffer, offset);
    for (const part of [open, this.#bytes, close]) {
      buffer.set(part, at);
      at += part.length;
    }
    return at - offset;
  }
}

/** Colour components that the frame header of a JPEG names: 1 or 3. */
function componentsOf(jpeg: Uint8Array): number {
  const view = new DataView(jpeg.buffer, jpeg.byteOffset, jpeg.byteLength);
  for (let at = 2; at + 9 < jpeg.length && view.getUint8(at) === 0xff; at += 2 + view.getUint16(at + 2)) {
    const components = view.getUint8(at + 9);
    if (isFrameHeader(view.getUint8(at + 1)) && [1, 3].includes(components)) return components;
  }
  throw new Error("not a JPEG in grey or colour");
}

/** SOF0 to SOF15 without DHT, JPG and DAC, which stand between them. */
function isFrameHeader(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
}

function fitA4(width: number, height: number): [number, number] {
  const [across, down] = width > height ? [a4.long, a4.short] : [a4.short, a4.long];
  const scale = Math.min(across / width, down / height);
  return [width * scale, height * scale];
}
