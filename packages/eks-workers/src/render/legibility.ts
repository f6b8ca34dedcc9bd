import type { LegibilityReason } from "@strongroom/core/document/rendering";
import { type GreyImage, luminanceRange, measurePixels, type PixelFacts } from "./pixels.ts";

/** Longest side of the image that the thresholds below were measured on. */
export const legibilitySide = 1_000;

/**
 * Original longest side below which a photographed page is too small: an A4 page 800 px long has 2.7 px per mm, and a
 * 10 pt letter stands under 5 px high. Every phone photo in our samples is at least twice as long.
 */
export const minOriginalSide = 800;

/** Thresholds of our own measurements on scans, phone photos and their blurred, darkened and glared copies. */
const thresholds = {
  edge: 0.95,
  tileSharp: 0.12,
  texturedEnough: 0.02,
  dark: 80,
  glareShare: 0.025,
  paper: 245,
};
const tileSide = 32;
const texturedRange = 40;
const clipped = 250;
/** A tile counts as clipped when no more of it than this is not. */
const dimShare = 0.05;
const blankInk = 0.0005;

/** Says why a photographed page may be hard to read; advisory. `pixels` are at most `legibilitySide` long. */
export function judgeLegibility(
  input: GreyImage & { original: { width: number; height: number } },
): LegibilityReason[] {
  const facts = measureLegibility(input);
  const reasons: LegibilityReason[] = [];
  if (Math.max(input.original.width, input.original.height) < minOriginalSide) reasons.push("too_small");
  if (facts.textured === 0 && facts.ink < blankInk) return ["blank", ...reasons];
  if (isBlurred(facts)) reasons.push("blurred");
  if (facts.p95 < thresholds.dark) reasons.push("dark");
  if (facts.p50 < thresholds.paper && facts.clippedTiles >= thresholds.glareShare) reasons.push("glare");
  return reasons;
}

/** Whether a drawn (noiseless) RGB page shows nothing: no pixel stands out from any other. */
export function isBlankDrawing(rgb: Uint8Array): boolean {
  return luminanceRange(rgb, texturedRange) < texturedRange;
}

/** Whether so little is visible that sharpness cannot be judged, nor the picture be called a picture. */
export function showsAlmostNothing(image: GreyImage): boolean {
  return measureLegibility(image).textured < thresholds.texturedEnough;
}

/** Rows or columns that a decoder fills with one tone when the data end too early; a whole picture that is even there is rare. */
const filled = 8;
const evenRange = 4;

/** Whether a damaged picture ends before its frame does: one of its sides, whichever it is since it was turned, is of one tone. */
export function isCutOff({ pixels, width, height }: GreyImage): boolean {
  const isEven = (left: number, top: number, right: number, bottom: number) => {
    let [least, most] = [255, 0];
    for (let y = Math.max(0, top); y < Math.min(height, bottom); y += 1)
      for (const value of pixels.subarray(
        y * width + Math.max(0, left),
        y * width + Math.min(width, right),
      )) {
        least = Math.min(least, value);
        most = Math.max(most, value);
      }
    return most - least <= evenRange;
  };
  return (
    isEven(0, height - filled, width, height) ||
    isEven(0, 0, width, filled) ||
    isEven(0, 0, filled, height) ||
    isEven(width - filled, 0, width, height)
  );
}

/** The measured facts behind a verdict; shares are 0 to 1, p50 and p95 are luminance. */
type LegibilityFacts = {
  edge: number;
  tileSharp: number;
  textured: number;
  clippedTiles: number;
  p50: number;
  p95: number;
  ink: number;
};

function measureLegibility(image: GreyImage): LegibilityFacts {
  const { histogram, tiles, ...edges } = measurePixels(image, { tileSide, clipped });
  const count = image.pixels.length;
  return {
    ...factsOf(tiles),
    edge: edgeOf(edges),
    p50: quantile(histogram, count, 0.5),
    p95: quantile(histogram, count, 0.95),
    ink: inkOf(histogram, count),
  };
}

function isBlurred({ textured, edge, tileSharp }: LegibilityFacts): boolean {
  return (
    textured >= thresholds.texturedEnough && (edge < thresholds.edge || tileSharp < thresholds.tileSharp)
  );
}

function factsOf(tiles: PixelFacts["tiles"]) {
  const textured = tiles.filter(({ range }) => range >= texturedRange);
  const sharpness = textured.map(({ deviation, range }) => deviation / range).toSorted((a, b) => a - b);
  const clippedTiles = tiles.filter(({ dim }) => dim <= dimShare).length;
  const count = Math.max(1, tiles.length);
  return {
    tileSharp: sharpness[Math.floor(sharpness.length * 0.8)] ?? 0,
    textured: textured.length / count,
    clippedTiles: clippedTiles / count,
  };
}

/** Curvature over slope at the strongest edges: falls with blur, does not care for light or amount of ink. */
function edgeOf({ curvatures, slopes, counted }: Omit<PixelFacts, "histogram" | "tiles">): number {
  return quantile(curvatures, counted, 0.995) / Math.max(1, quantile(slopes, counted, 0.995));
}

/** Share of pixels clearly darker than the paper, the paper being the median. */
function inkOf(histogram: Uint32Array, count: number): number {
  const paper = quantile(histogram, count, 0.5);
  let ink = 0;
  for (let value = 0; value < paper - texturedRange; value += 1) ink += histogram[value]!;
  return ink / Math.max(1, count);
}

function quantile(histogram: Uint32Array, count: number, share: number): number {
  let seen = 0;
  for (let value = 0; value < histogram.length; value += 1) {
    seen += histogram[value]!;
    if (seen > count * share) return value;
  }
  return histogram.length - 1;
}
