import type { RenderedPage } from "@strongroom/core/document/rendering";
import { sharp } from "./codecs.ts";
import { type Decoded, overLimit, undecodable } from "./decoded.ts";
import { isBlankDrawing } from "./legibility.ts";
import { type Allowance, maxPages, maxTextBytes, renditionSide } from "./limits.ts";
import { jpegOf, thumbnailOf } from "./page.ts";
import { type Canvas, openPdf, type Pdf, PdfError, type PdfPage } from "./pdfium.ts";

const mediaType = "application/pdf";

/** 300 dpi over 72 points per inch: small pages are not blown up further. */
const maxScale = 300 / 72;

/** Side of the square that stands in for a page that cannot be opened or has no area. */
const emptySide = 200;

/**
 * Renders the first pages of a PDF and takes the text of all. Drawn pages are sharp by nature: of the verdicts only
 * `blank` applies. Past the soft deadline previews and text end early (one page at least), rather than not at all.
 */
export async function renderPdf(bytes: Uint8Array, allowance: Allowance): Promise<Decoded> {
  const endsAt = performance.now() + allowance.softDeadlineMs;
  let pdf: Pdf;
  try {
    pdf = await openPdf(bytes);
  } catch (error) {
    if (!(error instanceof PdfError && error.isLocked)) return undecodable(mediaType, error);
    return { outcome: "no_preview", mediaType, reason: "encrypted", pageCount: null };
  }
  // A PDF left open dies with its child, which is not used again after such an outcome; closing could trap once more.
  const { pageCount } = pdf;
  if (pageCount > maxPages)
    return overLimit(mediaType, { limit: "pages", actual: pageCount, allowed: maxPages });
  try {
    const pages = await previews(pdf, Math.min(pageCount, allowance.previewPages), endsAt);
    if (pages === null) return undecodable(mediaType, "no page opens", pageCount);
    const text = textOf(pdf, endsAt);
    pdf.close();
    return { outcome: "rendered", mediaType, pageCount, pages, text, captureFacts: null };
  } catch (error) {
    return undecodable(mediaType, error, pageCount);
  }
}

/** While one page is encoded, the next one is drawn: on two cores that takes half the time, on a busy one no longer. */
async function previews(pdf: Pdf, count: number, endsAt: number): Promise<RenderedPage[] | null> {
  const pages: Promise<RenderedPage>[] = [];
  const easel = new Easel();
  let opened = 0;
  for (let index = 0; index < count && (index === 0 || performance.now() < endsAt); index += 1) {
    const drawn = pdf.withPage(index, (page) => drawPage(page, easel));
    if (drawn) opened += 1;
    await pages.at(-1);
    const finishing = finish(drawn ?? emptyPage(easel));
    finishing.catch(() => {}); // should the next page's drawing throw first, nobody waits for this one
    pages.push(finishing);
  }
  return opened === 0 ? null : await Promise.all(pages);
}

/** Two canvases in turns: one is drawn on while the other is encoded. Fresh ones for each page cost 2 to 5 ms. */
class Easel {
  #inUse: Uint8Array = new Uint8Array(0);
  #next: Uint8Array = new Uint8Array(0);

  canvas(width: number, height: number): Canvas {
    const bytes = width * height * 3;
    const room = this.#next.length >= bytes ? this.#next : new Uint8Array(bytes);
    [this.#inUse, this.#next] = [room, this.#inUse];
    return { pixels: room.subarray(0, bytes), width, height };
  }
}

function drawPage(page: PdfPage, easel: Easel): Canvas {
  const longest = Math.max(page.width, page.height);
  if (!(longest > 0)) return emptyPage(easel);
  const scale = Math.min(renditionSide / longest, maxScale);
  const width = Math.max(1, Math.round(page.width * scale));
  const height = Math.max(1, Math.round(page.height * scale));
  const canvas = easel.canvas(width, height);
  page.draw(canvas);
  return canvas;
}

function emptyPage(easel: Easel): Canvas {
  const canvas = easel.canvas(emptySide, emptySide);
  canvas.pixels.fill(255);
  return canvas;
}

async function finish({ pixels, width, height }: Canvas): Promise<RenderedPage> {
  const picture = () => sharp(pixels, { raw: { width, height, channels: 3 } });
  const encoding = Promise.all([jpegOf(picture()), thumbnailOf(picture())]);
  const legibility = isBlankDrawing(pixels) ? (["blank"] as const) : [];
  const [rendition, thumbnail] = await encoding;
  return { rendition, thumbnail, legibility: [...legibility] };
}

/** Text by page up to the limit of the whole; later pages are empty strings, so that indexes stay page numbers. */
function textOf(pdf: Pdf, endsAt: number): string[] {
  let left = maxTextBytes;
  return Array.from({ length: pdf.pageCount }, (_, index) => {
    if (left <= 0 || performance.now() > endsAt) return "";
    const text = cut(clean(pdf.withPage(index, (page) => page.text()) ?? ""), left);
    left -= Buffer.byteLength(text);
    return text;
  });
}

/** PDFium writes U+FFFE for a hyphen at a line's end: the word is joined. NUL and lone surrogates cannot be stored. */
function clean(text: string): string {
  return text
    .replace(/\uFFFE(?:\r?\n)?/g, "")
    .replace(/\0/g, "")
    .toWellFormed();
}

function cut(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text;
  return new TextDecoder().decode(Buffer.from(text).subarray(0, bytes), { stream: true });
}
