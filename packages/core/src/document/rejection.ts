import { documentLimits as limits } from "./document.ts";
import type { RenderLimit } from "./rendering.ts";

/** Why a document is refused for good: a stable code and plain words that say what to do. */
export type Rejection = { reason: string; detail: string };

const takes = "Strongroom takes photos (JPEG, PNG, WebP, HEIC, TIFF) and PDF.";

/** The content is of a type that is not taken, whatever its name says. */
export function unsupportedType(page: string, detected: string | null): Rejection {
  const what = detected ? `is ${detected}` : "is neither a photo nor a PDF";
  return {
    reason: "unsupported_type",
    detail: `${page} ${what}. ${takes} Take a photo of the page and send that.`,
  };
}

/** The bytes that arrived are not those that were announced. */
export function checksumMismatch(page: string): Rejection {
  return {
    reason: "checksum_mismatch",
    detail: `${page} changed on its way to us. Send the document again.`,
  };
}

const limitWords: Record<
  RenderLimit,
  { reason: string; words: (actual: number, allowed: number) => string }
> = {
  megapixels: {
    reason: "too_many_pixels",
    words: (actual, allowed) =>
      `has ${actual} megapixels, the limit is ${allowed}. Take the photo at a lower resolution.`,
  },
  side: {
    reason: "side_too_long",
    words: (actual, allowed) =>
      `is ${actual} pixels long on one side, the limit is ${allowed}. Send it as several photos.`,
  },
  pages: {
    reason: "too_many_pages",
    words: (actual, allowed) =>
      `has ${actual} pages, the limit is ${allowed}. Split the PDF and send the parts as several documents.`,
  },
};

/** A file's own header declares more than Strongroom takes. */
export function overLimit(page: string, limit: RenderLimit, actual: number, allowed: number): Rejection {
  const { reason, words } = limitWords[limit];
  return { reason, detail: `${page} ${words(Math.ceil(actual), allowed)}` };
}

/** How a page is named to the person who sent it. */
export function pageName(position: number, of: number): string {
  return of === 1 ? "The file" : `Page ${position} of ${of}`;
}

/** Limits as decode children are given them. */
export const renderLimits = {
  megapixels: limits.megapixels,
  side: limits.sidePixels,
  pages: limits.pdfPages,
} as const;
