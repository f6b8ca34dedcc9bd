import { degrees, PDFDocument, type PDFFont, type PDFPage, type RGB, rgb, StandardFonts } from "pdf-lib";

/** A4 in points. */
const a4: [number, number] = [595.28, 841.89];

/** Draws on one page with the origin at the top left and distances in points, as one reads a form. */
export type Pen = {
  text(x: number, y: number, text: string, style?: { size?: number; bold?: boolean; colour?: RGB }): void;
  line(x: number, y: number, toX: number, toY: number, width?: number): void;
  box(x: number, y: number, width: number, height: number, fill?: RGB): void;
  /** A signature or a scribble: an SVG path in points, blue ballpoint unless told otherwise. */
  ink(x: number, y: number, path: string, scale?: number): void;
  stamp(x: number, y: number, lines: string[]): void;
  /** What is written by hand or needle on the printed form. */
  typed(x: number, y: number, text: string, size?: number): void;
};

const ballpoint = rgb(0.1, 0.16, 0.5);
const black = rgb(0.08, 0.08, 0.09);

/** One PDF of pages drawn by hand; the same drawing gives the same bytes. */
export async function paper(
  title: string,
  draw: ((pen: Pen) => void)[],
  tint?: RGB,
  size = a4,
): Promise<Uint8Array> {
  const pdf = await PDFDocument.create({ updateMetadata: false });
  pdf.setTitle(title);
  pdf.setProducer("Strongroom samples");
  pdf.setCreationDate(new Date("2025-03-04T08:00:00Z"));
  pdf.setModificationDate(new Date("2025-03-04T08:00:00Z"));
  const fonts = {
    plain: await pdf.embedFont(StandardFonts.Helvetica),
    bold: await pdf.embedFont(StandardFonts.HelveticaBold),
    typed: await pdf.embedFont(StandardFonts.CourierBold),
  };
  for (const drawPage of draw) {
    const page = pdf.addPage(size);
    drawPage(penOn(page, fonts, tint ?? black));
  }
  return pdf.save({ useObjectStreams: false });
}

type Fonts = { plain: PDFFont; bold: PDFFont; typed: PDFFont };

function penOn(page: PDFPage, fonts: Fonts, colour: RGB): Pen {
  const top = page.getHeight();
  return {
    text: (x, y, text, style = {}) => {
      const font = style.bold ? fonts.bold : fonts.plain;
      page.drawText(text, { x, y: top - y, size: style.size ?? 10, font, color: style.colour ?? colour });
    },
    line: (x, y, toX, toY, width = 0.8) =>
      page.drawLine({
        start: { x, y: top - y },
        end: { x: toX, y: top - toY },
        thickness: width,
        color: colour,
      }),
    box: (x, y, width, height, fill) =>
      page.drawRectangle({
        x,
        y: top - y - height,
        width,
        height,
        borderWidth: 0.9,
        borderColor: colour,
        ...(fill ? { color: fill } : {}),
      }),
    ink: (x, y, path, scale = 1) =>
      page.drawSvgPath(path, { x, y: top - y, scale, borderColor: ballpoint, borderWidth: 1.3 / scale }),
    stamp: (x, y, lines) => {
      const red = rgb(0.72, 0.12, 0.18);
      page.drawEllipse({
        x,
        y: top - y,
        xScale: 58,
        yScale: 34,
        borderColor: red,
        borderWidth: 1.8,
        opacity: 0,
      });
      lines.forEach((text, index) => {
        const width = fonts.bold.widthOfTextAtSize(text, 9);
        const at = { x: x - width / 2, y: top - y + 8 - index * 12, rotate: degrees(0) };
        page.drawText(text, { ...at, size: 9, font: fonts.bold, color: red });
      });
    },
    typed: (x, y, text, size = 10.5) =>
      page.drawText(text, { x, y: top - y, size, font: fonts.typed, color: rgb(0.12, 0.12, 0.16) }),
  };
}
