import sharp, { type OverlayOptions, type Sharp } from "sharp";
import { type Canvas, openPdf } from "@strongroom/eks-workers/render/pdfium";

/** How a sheet lies on the desk and how it was taken. */
export type Shot = {
  /** Pixels of the upright photo. */
  width: number;
  height: number;
  /** Share of the photo's height that the sheet covers. */
  share: number;
  tiltDegrees: number;
  /** Brown of the desk, red, green, blue. */
  desk: [number, number, number];
  /** Seed of grain and wood; another seed is another photo. */
  seed: number;
};

/** A photo of the first page of a PDF: desk, shadow, tilt, uneven light, grain. Pixels only, three channels. */
export async function photograph(pdf: Uint8Array, shot: Shot): Promise<Sharp> {
  const { width, height } = shot;
  const sheet = await tilted(await drawn(pdf, Math.round(height * shot.share)), shot.tiltDegrees);
  const left = Math.round((width - sheet.width) / 2);
  const top = Math.round((height - sheet.height) / 2);
  const shadow = await sharp(sheet.bytes)
    .extractChannel("alpha")
    .toColourspace("b-w")
    .raw()
    .toBuffer()
    .then((alpha) => shadowOf(alpha, sheet.width, sheet.height));
  const layers: OverlayOptions[] = [
    { input: shadow, left: left + 8, top: Math.min(top + 14, height - sheet.height) },
    { input: sheet.bytes, left, top },
  ];
  const desk = sharp(wood(shot), { raw: { width, height, channels: 3 } });
  const scene = await desk.composite(layers).removeAlpha().raw().toBuffer();
  return sharp(exposed(scene, shot), { raw: { width, height, channels: 3 } });
}

/** The first page of a PDF as pixels, `height` pixels high; drawn by the very PDFium that the product uses. */
async function drawn(pdf: Uint8Array, height: number): Promise<Canvas> {
  const document = await openPdf(pdf);
  const page = document.withPage(0, (open) => {
    const width = Math.round((open.width / open.height) * height);
    const canvas = { pixels: new Uint8Array(width * height * 3), width, height };
    open.draw(canvas);
    return canvas;
  });
  document.close();
  if (page === null) throw new Error("the sample page cannot be opened");
  return page;
}

async function tilted(page: Canvas, angle: number) {
  const raw = { width: page.width, height: page.height, channels: 3 as const };
  const { data, info } = await sharp(page.pixels, { raw })
    .linear(0.93, 8) // paper is not as white as a screen, ink not as black
    .ensureAlpha()
    .rotate(angle, { background: { r: 0, g: 0, b: 0, alpha: 0 } })
    .png({ compressionLevel: 1 })
    .toBuffer({ resolveWithObject: true });
  return { bytes: data, width: info.width, height: info.height };
}

function shadowOf(alpha: Uint8Array, width: number, height: number): Promise<Buffer> {
  const black = Buffer.alloc(width * height * 4);
  for (let at = 0; at < alpha.length; at += 1) black[at * 4 + 3] = alpha[at]! * 0.55;
  return sharp(black, { raw: { width, height, channels: 4 } })
    .blur(12)
    .png({ compressionLevel: 1 })
    .toBuffer();
}

/** Long wavy grain, the way a table top looks out of focus. */
function wood({ width, height, desk, seed }: Shot): Uint8Array {
  const random = randomOf(seed);
  const waves = Array.from({ length: 9 }, () => ({
    along: random() * 0.004,
    across: 0.01 + random() * 0.05,
    phase: random() * 6,
  }));
  const pixels = new Uint8Array(width * height * 3);
  for (let y = 0, at = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      let wave = 0;
      for (const { along, across, phase } of waves) wave += Math.sin(x * along + y * across + phase);
      for (const channel of desk) pixels[at++] = Math.max(0, Math.min(255, channel + wave * 4));
    }
  }
  return pixels;
}

/** A lamp at the upper left, darker corners, sensor grain. */
function exposed(scene: Uint8Array, { width, height, seed }: Shot): Uint8Array {
  const random = randomOf(seed + 1);
  const out = new Uint8Array(scene.length);
  for (let y = 0, at = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const away = Math.hypot(x / width - 0.35, y / height - 0.3);
      const light = 1.02 - away * 0.3;
      const grain = (random() + random() + random() - 1.5) * 7;
      for (let channel = 0; channel < 3; channel += 1, at += 1) {
        out[at] = Math.max(
          0,
          Math.min(255, scene[at]! * light + grain + (channel === 0 ? 3 : channel === 2 ? -4 : 0)),
        );
      }
    }
  }
  return out;
}

/** Numbers from 0 to 1 that are the same on every machine (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
