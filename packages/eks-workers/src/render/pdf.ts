import type { RenderedPage } from "@strongroom/core/document/rendering";
import { sharp } from "./codecs.ts";
import { type Decoded, overLimit, undecodable } from "./decoded.ts";
import { isBlankDrawing } from "./legibility.ts";
import { type Allowance, maxPages, maxTextBytes, renditionSide } from "./limits.ts";
import { jpegOf, thumbnailOf } from "./page.ts";
import { openPdf, type Pdf, PdfError, type PdfPage } from "./pdfium.ts";

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

async function previews(pdf: Pdf, count: number, endsAt: number): Promise<RenderedPage[] | null> {
  const pages: RenderedPage[] = [];
  let opened = 0;
  for (let index = 0; index < count && (index === 0 || performance.now() < endsAt); index += 1) {
    const drawn = pdf.withPage(index, drawPage);
    if (drawn) opened += 1;
    pages.push(await finish(drawn ?? emptyPage()));
  }
  return opened === 0 ? null : pages;
}

type Drawn = { pixels: Uint8Array; width: number; height: number };

function drawPage(page: PdfPage): Drawn {
  const longest = Math.max(page.width, page.height);
  if (!(longest > 0)) return emptyPage();
  const scale = Math.min(renditionSide / longest, maxScale);
  const width = Math.max(1, Math.round(page.width * scale));
  const height = Math.max(1, Math.round(page.height * scale));
  return { pixels: page.draw(width, height), width, height };
}

function emptyPage(): Drawn {
  return { pixels: new Uint8Array(emptySide * emptySide * 3).fill(255), width: emptySide, height: emptySide };
}

async function finish({ pixels, width, height }: Drawn): Promise<RenderedPage> {
  const rendition = await jpegOf(sharp(pixels, { raw: { width, height, channels: 3 } }));
  const legibility = isBlankDrawing(pixels) ? (["blank"] as const) : [];
  return { rendition, thumbnail: await thumbnailOf(rendition), legibility: [...legibility] };
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
