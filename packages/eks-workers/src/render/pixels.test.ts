import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { seededRandom } from "@strongroom/local/test-random";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type GreyImage, greyOf, luminanceRange, measurePixels, type Tile } from "./pixels.ts";

const workspace = join(import.meta.dirname, "../..");

/** Sizes around those at which vectors and tiles end. */
const sides = fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 14, max: 70 }));
const kinds = fc.constantFrom("any", "black and white", "around the limit", "even");

/** A picture by its size and how it was drawn: a few numbers say which one it was. */
const drawings = fc.record({ width: sides, height: sides, kind: kinds, seed: fc.nat() });

function draw(length: number, kind: string, seed: number): Uint8Array {
  const random = seededRandom(seed);
  const value = {
    any: () => random() * 256,
    // Where everything that is summed is greatest.
    "black and white": () => (random() < 0.5 ? 0 : 255),
    "around the limit": () => 248 + random() * 4,
    even: () => seed % 256,
  }[kind]!;
  return Uint8Array.from({ length }, value);
}

const settings = { tileSide: 32, clipped: 250 };

describe("the kernel", () => {
  test("is what its source makes", { timeout: 30_000 }, async () => {
    const { default: asc } = await import("assemblyscript/asc");
    const manifest = JSON.parse(await readFile(join(workspace, "../../package.json"), "utf8"));
    const flags = manifest.scripts["build:pixels"].split(" ").slice(2);
    flags.splice(flags.indexOf("--outFile"), 2, "--outFile", "made.wasm");
    let made: Uint8Array | null = null;
    const { error } = await asc.main(["packages/eks-workers/pixels/pixels.ts", ...flags], {
      readFile: (name: string) => readFile(join(workspace, "../..", name), "utf8").catch(() => null),
      writeFile: (_, contents) => void (made = contents as Uint8Array),
      listFiles: () => null,
    });
    expect(error).toBeNull();
    expect(Buffer.from(made!).equals(await readFile(join(import.meta.dirname, "pixels.wasm")))).toBe(true);
  });

  test("sums luminance as Rec. 601 weighs colours", () => {
    fc.assert(
      fc.property(drawings, ({ width, height, kind, seed }) => {
        const rgb = draw(width * height * 3, kind, seed);
        const pixels = luminancesOf(rgb);
        expect(greyOf(rgb, width, height)).toEqual({ pixels, width, height });
      }),
    );
  });

  test("tells how far luminance goes, wherever the one dark pixel lies, and stops where that is enough", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40_000 }),
        fc.nat(),
        fc.integer({ min: 0, max: 255 }),
        (count, seed, dark) => {
          const rgb = new Uint8Array(count * 3 + (seed % 3)).fill(200);
          rgb.fill(dark, (seed % count) * 3, (seed % count) * 3 + 3);
          const values = luminancesOf(rgb);
          const range = count === 1 ? 0 : Math.max(...new Set(values)) - Math.min(...new Set(values));
          expect(luminanceRange(rgb, 256)).toBe(range);
          expect(luminanceRange(rgb, 40) >= 40).toBe(range >= 40);
        },
      ),
    );
    expect(luminanceRange(new Uint8Array(2), 40)).toBe(0);
  });

  test("measures what the definitions say", () => {
    fc.assert(
      fc.property(drawings, ({ width, height, kind, seed }) => {
        const image = { pixels: draw(width * height, kind, seed), width, height };
        const facts = measurePixels(image, settings);
        const expected = measureByDefinition(image);
        expect({ ...facts, tiles: facts.tiles.map(({ range, dim }) => ({ range, dim })) }).toEqual({
          ...expected,
          tiles: expected.tiles.map(({ range, dim }) => ({ range, dim })),
        });
        facts.tiles.forEach(({ deviation }, at) =>
          expect(deviation).toBeCloseTo(expected.tiles[at]!.deviation, 6),
        );
      }),
    );
  });

  test("measures a small picture after a large one as before it", () => {
    const small = {
      pixels: Uint8Array.from({ length: 40 * 40 }, (_, at) => (at * 37) % 256),
      width: 40,
      height: 40,
    };
    const before = measurePixels(small, settings);
    measurePixels({ pixels: new Uint8Array(1_000 * 1_000).fill(255), width: 1_000, height: 1_000 }, settings);
    expect(measurePixels(small, settings)).toEqual(before);
  });
});

function luminancesOf(rgb: Uint8Array): Uint8Array {
  return Uint8Array.from({ length: Math.floor(rgb.length / 3) }, (_, at) => {
    const [red, green, blue] = rgb.subarray(at * 3);
    return (red! * 77 + green! * 150 + blue! * 29) >> 8;
  });
}

function measureByDefinition({ pixels, width, height }: GreyImage) {
  const histogram = new Uint32Array(256);
  for (const value of pixels) histogram[value]! += 1;
  const calm = medianOfNine({ pixels, width, height });
  const [curvatures, slopes] = [new Uint32Array(1_021), new Uint32Array(182)];
  const inner = innerOf(width, height);
  for (const [x, y] of inner) {
    if (y % 2 === 0) continue;
    const value = (dx: number, dy: number) => calm[(y + dy) * width + x + dx]!;
    curvatures[Math.abs(laplacian(value))]! += 1;
    slopes[
      Math.round(Math.sqrt((value(1, 0) - value(-1, 0)) ** 2 + (value(0, 1) - value(0, -1)) ** 2) / 2)
    ]! += 1;
  }
  const tiles: Tile[] = [];
  for (let top = 0; top < height; top += settings.tileSide)
    for (let left = 0; left < width; left += settings.tileSide) {
      const isIn = (x: number, y: number) =>
        x >= left && x < left + settings.tileSide && y >= top && y < top + settings.tileSide;
      const all = placesOf(width, height).filter(([x, y]) => isIn(x, y));
      const values = all.map(([x, y]) => calm[y * width + x]!);
      const dim = all.filter(([x, y]) => pixels[y * width + x]! < settings.clipped).length / all.length;
      const bends = inner
        .filter(([x, y]) => isIn(x, y))
        .map(([x, y]) => laplacian((dx, dy) => calm[(y + dy) * width + x + dx]!));
      tiles.push({ range: Math.max(...values) - Math.min(...values), dim, deviation: deviationOf(bends) });
    }
  const counted = inner.filter(([, y]) => y % 2 === 1).length;
  return { histogram, curvatures, slopes, counted, tiles };
}

const laplacian = (value: (dx: number, dy: number) => number): number =>
  4 * value(0, 0) - value(-1, 0) - value(1, 0) - value(0, -1) - value(0, 1);

function deviationOf(values: readonly number[]): number {
  if (values.length === 0) return 0;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}

function placesOf(width: number, height: number): [x: number, y: number][] {
  return Array.from({ length: width * height }, (_, at) => [at % width, Math.floor(at / width)]);
}

const innerOf = (width: number, height: number) =>
  placesOf(width, height).filter(([x, y]) => x > 0 && y > 0 && x < width - 1 && y < height - 1);

function medianOfNine({ pixels, width, height }: GreyImage): Uint8Array {
  const out = pixels.slice();
  for (const [x, y] of innerOf(width, height)) {
    const nine = [-1, 0, 1].flatMap((dy) => [-1, 0, 1].map((dx) => pixels[(y + dy) * width + x + dx]!));
    out[y * width + x] = nine.toSorted((a, b) => a - b)[4]!;
  }
  return out;
}
