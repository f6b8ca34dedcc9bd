/** Side above which nothing is decoded. */
const maxSide = 16_384;

/** Area above which nothing is decoded: a progressive JPEG costs 3 MB per megapixel (our measurement). */
export const maxMegapixels = 100;

/** Pages above which a PDF is not opened further. */
export const maxPages = 500;

/** Longest sides of what is rendered, in pixels. */
export const renditionSide = 2_000;
export const thumbnailSide = 320;

/** Quality of every JPEG made here; mozjpeg would save 11 % of bytes for 8 times the CPU (our measurement). */
export const jpegQuality = 80;

/** Bytes of UTF-8 text kept of one PDF, over all its pages. */
export const maxTextBytes = 1024 * 1024;

/** What one job may spend; the parent sets it, the child keeps to it where it can stop by itself. */
export type Allowance = {
  /** Pages of one file that get a preview. */
  previewPages: number;
  /** Milliseconds after which a PDF or TIFF stops adding previews and text, so that the deadline finds it finished. */
  softDeadlineMs: number;
};

/** A limit that a header breaks, in the words of `Rendering`. */
export type OverLimit = { limit: "megapixels" | "side" | "pages"; actual: number; allowed: number };

/** Compares declared dimensions with the limits before anything is decoded; null when they fit. */
export function breaksImageLimit(width: number, height: number): OverLimit | null {
  const side = Math.max(width, height);
  if (side > maxSide) return { limit: "side", actual: side, allowed: maxSide };
  const megapixels = (width * height) / 1_000_000;
  if (megapixels > maxMegapixels) return { limit: "megapixels", actual: megapixels, allowed: maxMegapixels };
  return null;
}
