import { PDFDocument } from "pdf-lib";
import type { RenderedImage } from "@strongroom/core/document/rendering";

/** A4 in points (1/72 inch). */
const a4 = { short: 595.28, long: 841.89 };

/**
 * Joins JPEGs into one PDF, a page each, bytes embedded verbatim; a page has its picture's shape and fits on A4.
 * The same pictures give the same bytes: the dates are the epoch.
 */
export async function combineJpegs(pages: RenderedImage[]): Promise<Uint8Array> {
  const pdf = await PDFDocument.create({ updateMetadata: false });
  pdf.setProducer("Strongroom");
  pdf.setCreationDate(new Date(0));
  pdf.setModificationDate(new Date(0));
  for (const { bytes } of pages) {
    const image = await pdf.embedJpg(Uint8Array.from(bytes)); // pdf-lib ignores where a view begins in its buffer
    const [width, height] = fitA4(image.width, image.height);
    pdf.addPage([width, height]).drawImage(image, { x: 0, y: 0, width, height });
  }
  return pdf.save({ useObjectStreams: false, addDefaultPage: false });
}

function fitA4(width: number, height: number): [number, number] {
  const [across, down] = width > height ? [a4.long, a4.short] : [a4.short, a4.long];
  const scale = Math.min(across / width, down / height);
  return [width * scale, height * scale];
}
