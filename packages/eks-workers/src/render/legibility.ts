import type { LegibilityReason } from "@strongroom/core/document/rendering";

/** Greyscale pixels, row by row, one byte each. */
export type GreyImage = { pixels: Uint8Array; width: number; height: number };

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
  let low = 255;
  let high = 0;
  for (let at = 0; at + 2 < rgb.length; at += 3) {
    const luminance = luminanceOf(rgb[at]!, rgb[at + 1]!, rgb[at + 2]!);
    if (luminance < low) low = luminance;
    if (luminance > high) high = luminance;
    if (high - low >= texturedRange) return false;
  }
  return true;
}

/** Luminance of one pixel (Rec. 601), 0 to 255. */
export function luminanceOf(red: number, green: number, blue: number): number {
  return (red * 77 + green * 150 + blue * 29) >> 8;
}

/** Whether so little is visible that sharpness cannot be judged, nor the picture be called a picture. */
export function showsAlmostNothing(image: GreyImage): boolean {
  return tilesOf(image, median3(image)).textured < thresholds.texturedEnough;
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

/** Measures a page; sharpness is taken after a 3 × 3 median, since noise would pass for sharpness. */
function measureLegibility(image: GreyImage): LegibilityFacts {
  const histogram = histogramOf(image.pixels);
  const count = image.pixels.length;
  return {
    ...tilesOf(image, median3(image)),
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

/** Facts from tiles and edges, all in one pass: `calm` stays in the processor's cache tile by tile. */
function tilesOf({ pixels, width, height }: GreyImage, calm: Uint8Array) {
  const edges = new Edges();
  const sharpness: number[] = [];
  let tiles = 0;
  let clippedTiles = 0;
  for (let top = 0; top < height; top += tileSide) {
    const bottom = Math.min(top + tileSide, height);
    for (let left = 0; left < width; left += tileSide) {
      const tile = { left, top, right: Math.min(left + tileSide, width), bottom };
      tiles += 1;
      const range = rangeIn(calm, width, tile);
      if (isClipped(pixels, width, tile)) clippedTiles += 1;
      const deviation = laplacianDeviation(calm, width, height, tile, edges);
      if (range >= texturedRange) sharpness.push(deviation / range);
    }
  }
  const textured = sharpness.length / Math.max(1, tiles);
  sharpness.sort((a, b) => a - b);
  const tileSharp = sharpness[Math.floor(sharpness.length * 0.8)] ?? 0;
  return { edge: edges.ratio(), tileSharp, textured, clippedTiles: clippedTiles / Math.max(1, tiles) };
}

/** Slopes by the sum of two squared differences: half its root, rounded. Twice as fast as taking the root. */
const slopeOf = Uint8Array.from({ length: 2 * 255 ** 2 + 1 }, (_, sum) => Math.round(Math.sqrt(sum) / 2));

/** Curvature over slope at the strongest edges: falls with blur, does not care for light or amount of ink. */
class Edges {
  readonly laplacians = new Uint32Array(1_021);
  readonly slopes = new Uint32Array(182);
  count = 0;

  ratio(): number {
    return (
      quantile(this.laplacians, this.count, 0.995) / Math.max(1, quantile(this.slopes, this.count, 0.995))
    );
  }
}

type Tile = { left: number; top: number; right: number; bottom: number };

function rangeIn(pixels: Uint8Array, width: number, { left, top, right, bottom }: Tile): number {
  let low = 255;
  let high = 0;
  for (let y = top; y < bottom; y += 1) {
    for (let at = y * width + left, end = y * width + right; at < end; at += 1) {
      const value = pixels[at]!;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return high - low;
}

function isClipped(pixels: Uint8Array, width: number, { left, top, right, bottom }: Tile): boolean {
  let dim = 0;
  const allowed = 0.05 * (right - left) * (bottom - top);
  for (let y = top; y < bottom; y += 1) {
    for (let at = y * width + left, end = y * width + right; at < end; at += 1) {
      if (pixels[at]! < clipped) dim += 1;
    }
    if (dim > allowed) return false;
  }
  return true;
}

/** Deviation of the Laplacian in one tile; what is seen on the way is counted in `edges`. */
function laplacianDeviation(
  pixels: Uint8Array,
  width: number,
  height: number,
  tile: Tile,
  edges: Edges,
): number {
  const { laplacians, slopes } = edges;
  const left = Math.max(1, tile.left);
  const right = Math.min(tile.right, width - 1);
  const top = Math.max(1, tile.top);
  const bottom = Math.min(tile.bottom, height - 1);
  let sum = 0;
  let squares = 0;
  for (let y = top; y < bottom; y += 1) {
    // Every second row: half the time, and a percentile over 375,000 pixels does not move.
    const counts = (y & 1) === 1;
    for (let at = y * width + left, end = y * width + right; at < end; at += 1) {
      const west = pixels[at - 1]!;
      const east = pixels[at + 1]!;
      const north = pixels[at - width]!;
      const south = pixels[at + width]!;
      const value = 4 * pixels[at]! - west - east - north - south;
      sum = (sum + value) | 0;
      squares = (squares + value * value) | 0;
      if (counts) {
        laplacians[Math.abs(value)]! += 1;
        slopes[slopeOf[(east - west) * (east - west) + (south - north) * (south - north)]!]! += 1;
      }
    }
    if (counts) edges.count += Math.max(0, right - left);
  }
  const count = Math.max(0, right - left) * Math.max(0, bottom - top);
  return count === 0 ? 0 : Math.sqrt(Math.max(0, squares / count - (sum / count) ** 2));
}

/** 3 × 3 median; the outermost rows and columns stay as they are. */
function median3({ pixels, width, height }: GreyImage): Uint8Array {
  const out = new Uint8Array(pixels); // a copy: `slice` of a Buffer would be none
  for (let y = 1; y < height - 1 && width > 2; y += 1) medianRow(pixels, out, y * width, width);
  return out;
}

/**
 * The median of nine is the median of: the greatest low, the middle middle, the least high of three sorted columns. Each
 * column is sorted once and handed on from pixel to pixel.
 */
function medianRow(pixels: Uint8Array, out: Uint8Array, row: number, width: number): void {
  let [low0, middle0, high0, low1, middle1, high1] = [0, 0, 0, 0, 0, 0];
  for (let x = 0, at = row; x < width; x += 1, at += 1) {
    const a = pixels[at - width]!;
    const b = pixels[at]!;
    const c = pixels[at + width]!;
    const lower = min(b, c);
    const upper = b + c - lower;
    const low = min(a, lower);
    const high = max(a, upper);
    const middle = a + b + c - low - high;
    if (x > 1) {
      const greatestLow = max(low0, max(low1, low));
      const leastHigh = min(high0, min(high1, high));
      out[at - 1] = median(greatestLow, median(middle0, middle1, middle), leastHigh);
    }
    low0 = low1;
    middle0 = middle1;
    high0 = high1;
    low1 = low;
    middle1 = middle;
    high1 = high;
  }
}

// Without branches: on noisy pixels every second guess of the processor would be wrong (31 against 17 ms per page).
const min = (a: number, b: number): number => b + ((a - b) & ((a - b) >> 31));
const max = (a: number, b: number): number => a - ((a - b) & ((a - b) >> 31));
const median = (a: number, b: number, c: number): number => {
  const lower = min(a, b);
  return max(lower, min(a + b - lower, c));
};

function histogramOf(pixels: Uint8Array): Uint32Array {
  const histogram = new Uint32Array(256);
  for (let at = 0; at < pixels.length; at += 1) histogram[pixels[at]!]! += 1; // an iterator takes 4 ms longer
  return histogram;
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
