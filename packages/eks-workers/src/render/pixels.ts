/** What costs most of a verdict, done by `pixels.wasm`: how to make it anew is told in `../../pixels/pixels.ts`. */
import { readFileSync } from "node:fs";

/** Greyscale pixels, row by row, one byte each. */
export type GreyImage = { pixels: Uint8Array; width: number; height: number };

/** A square of the picture after its noise was taken out; the last ones of rows and columns may be smaller. */
export type Tile = {
  /** Greatest luminance less the least. */
  range: number;
  /** Standard deviation of the Laplacian, edges of the picture left out. */
  deviation: number;
  /** Share of pixels, noise and all, that are not clipped. */
  dim: number;
};

/** What a picture measures. */
export type PixelFacts = {
  /** Pixels by luminance. */
  histogram: Uint32Array;
  /** Of `counted` pixels of the calmed picture, those by amount of the Laplacian and by half the slope. */
  curvatures: Uint32Array;
  slopes: Uint32Array;
  counted: number;
  tiles: Tile[];
};

type Kernel = {
  memory: WebAssembly.Memory;
  grey(from: number, into: number, count: number): void;
  median(from: number, into: number, width: number, height: number): void;
  histogram(from: number, count: number, counts: number): void;
  range(from: number, width: number, columns: number, rows: number): number;
  countBelow(from: number, width: number, columns: number, rows: number, limit: number): number;
  curvature(
    from: number,
    width: number,
    columns: number,
    rows: number,
    isOdd: number,
    curvatures: number,
    slopes: number,
  ): bigint;
};

const code = readFileSync(new URL("./pixels.wasm", import.meta.url));
const kernel = new WebAssembly.Instance(new WebAssembly.Module(code)).exports as unknown as Kernel;

/** Where counts stand in the kernel's memory, and where pictures begin: what is below is the kernel's own. */
const at = { histogram: 2_048, curvatures: 3_072, slopes: 7_168, pictures: 8_192 };
const lengths = { histogram: 256, curvatures: 1_021, slopes: 182 };
/** What the kernel may touch behind a picture; a multiple of a vector. */
const slack = 48;
const pageBytes = 65_536;

/** Luminance of pixels of three bytes each. */
export function greyOf(rgb: Uint8Array, width: number, height: number): GreyImage {
  const count = width * height;
  const into = at.pictures + count * 3 + slack;
  const memory = memoryOf(into + count + slack);
  memory.set(rgb, at.pictures);
  kernel.grey(at.pictures, into, count);
  return { pixels: memory.slice(into, into + count), width, height };
}

/** Pixels that are looked at in one go where a picture may have millions. */
const stripe = 16_384;

/** Greatest luminance less the least of pixels of three bytes each; not looked for beyond what is `enough`. */
export function luminanceRange(rgb: Uint8Array, enough: number): number {
  const into = at.pictures + stripe * 3 + slack;
  const memory = memoryOf(into + stripe + slack);
  let [low, high] = [255, 0];
  for (let from = 0; from + 2 < rgb.length && high - low < enough; from += stripe * 3) {
    const count = Math.min(stripe, Math.floor((rgb.length - from) / 3));
    memory.set(rgb.subarray(from, from + count * 3), at.pictures);
    kernel.grey(at.pictures, into, count);
    const range = kernel.range(into, count, count, 1);
    [low, high] = [Math.min(low, range & 255), Math.max(high, range >> 8)];
  }
  return Math.max(0, high - low);
}

/** Measures a picture tile by tile; sharpness is taken after a 3 × 3 median, since noise would pass for sharpness. */
export function measurePixels(
  { pixels, width, height }: GreyImage,
  { tileSide, clipped }: { tileSide: number; clipped: number },
): PixelFacts {
  const count = width * height;
  const calm = at.pictures + count + slack;
  const memory = memoryOf(calm + count + slack);
  memory.fill(0, at.histogram, at.pictures);
  memory.set(pixels, at.pictures);
  kernel.median(at.pictures, calm, width, height);
  kernel.histogram(at.pictures, count, at.histogram);
  const tiles: Tile[] = [];
  for (let top = 0; top < height; top += tileSide)
    for (let left = 0; left < width; left += tileSide) {
      const columns = Math.min(tileSide, width - left);
      const rows = Math.min(tileSide, height - top);
      tiles.push(measureTile(calm, width, height, { left, top, columns, rows }, clipped));
    }
  const slopes = countsOf("slopes");
  const counted = slopes.reduce((sum, one) => sum + one, 0);
  return { histogram: countsOf("histogram"), curvatures: countsOf("curvatures"), slopes, counted, tiles };
}

type Place = { left: number; top: number; columns: number; rows: number };

function measureTile(calm: number, width: number, height: number, place: Place, clipped: number): Tile {
  const { left, top, columns, rows } = place;
  const from = top * width + left;
  const range = kernel.range(calm + from, width, columns, rows);
  const dim = kernel.countBelow(at.pictures + from, width, columns, rows, clipped);
  return {
    range: (range >> 8) - (range & 255),
    deviation: deviationIn(calm, width, height, place),
    dim: dim / (columns * rows),
  };
}

function deviationIn(
  calm: number,
  width: number,
  height: number,
  { left, top, columns, rows }: Place,
): number {
  const [x, y] = [Math.max(1, left), Math.max(1, top)];
  const across = Math.min(left + columns, width - 1) - x;
  const down = Math.min(top + rows, height - 1) - y;
  if (across <= 0 || down <= 0) return 0;
  const sums = kernel.curvature(calm + y * width + x, width, across, down, y & 1, at.curvatures, at.slopes);
  const count = across * down;
  const mean = Number(BigInt.asIntN(32, sums)) / count;
  return Math.sqrt(Math.max(0, Number(sums >> 32n) / count - mean ** 2));
}

function countsOf(name: keyof typeof lengths): Uint32Array {
  return new Uint32Array(kernel.memory.buffer, at[name], lengths[name]).slice();
}

/** The kernel's memory, grown to what is asked for: it keeps what the largest picture took. */
function memoryOf(bytes: number): Uint8Array {
  const missing = bytes - kernel.memory.buffer.byteLength;
  if (missing > 0) kernel.memory.grow(Math.ceil(missing / pageBytes));
  return new Uint8Array(kernel.memory.buffer);
}
