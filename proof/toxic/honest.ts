import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { seededRandom } from "@strongroom/local/test-random";
import sharp, { type Sharp } from "sharp";
import type { Quadrants } from "./toxic-file.ts";
import { onePage, writePdf } from "./write/pdf.ts";

/** What every honest picture here shows. */
export const quadrants: Quadrants = [
  [200, 40, 40],
  [40, 160, 60],
  [50, 70, 200],
  [220, 200, 60],
];

const samples = join(import.meta.dirname, "../../packages/local/samples");

/** RGB pixels of the four colours with grain, so that they are no even fill. */
function drawPixels(width: number, height: number, seed: number): Buffer {
  const random = seededRandom(seed);
  const pixels = Buffer.alloc(width * height * 3);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const colour = quadrants[(y * 2 < height ? 0 : 2) + (x * 2 < width ? 0 : 1)]!;
      const grain = (random() - 0.5) * 60 - (y % 16 < 3 ? 25 : 0);
      for (let channel = 0; channel < 3; channel += 1)
        pixels[(y * width + x) * 3 + channel] = Math.max(0, Math.min(255, colour[channel]! + grain));
    }
  }
  return pixels;
}

/** The picture as sharp takes it. */
export function drawPicture(width: number, height: number, seed: number): Sharp {
  return sharp(drawPixels(width, height, seed), { raw: { width, height, channels: 3 } });
}

/** One honest file of each format that is taken. All but the HEIC, which is a sample of the demo, show `quadrants`. */
export type Honest = Record<"jpeg" | "progressive" | "png" | "webp" | "tiff" | "heic" | "pdf", Buffer>;

/** Draws them; the same seed gives the same files. */
export async function drawHonest(seed: number): Promise<Honest> {
  const picture = () => drawPicture(480, 360, seed);
  return {
    jpeg: await picture().jpeg({ quality: 85 }).toBuffer(),
    progressive: await picture().jpeg({ quality: 85, progressive: true }).toBuffer(),
    png: await picture().png().toBuffer(),
    webp: await picture().webp({ quality: 85 }).toBuffer(),
    tiff: await picture().tiff({ compression: "lzw" }).toBuffer(),
    heic: await readFile(join(samples, "licence.heic")),
    pdf: writePdf(onePage()),
  };
}
