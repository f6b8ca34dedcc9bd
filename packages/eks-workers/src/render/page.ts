import type { RenderedImage, RenderedPage } from "@strongroom/core/document/rendering";
import type { Sharp, SharpInput, SharpOptions } from "sharp";
import { sharp } from "./codecs.ts";
import { withIccProfile } from "./icc.ts";
import { isCutOff, judgeLegibility, legibilitySide, showsAlmostNothing } from "./legibility.ts";
import { jpegQuality, maxMegapixels, renditionSide, thumbnailSide } from "./limits.ts";
import { type GreyImage, greyOf } from "./pixels.ts";
import { releaseMemory } from "./release-memory.ts";

/** Pixels on their way to a page: what sharp is given, and the original's size for the verdict. */
export type Picture = {
  input: SharpInput;
  options: SharpOptions;
  /** What describes the pixels and stays with them, in the bytes of an ICC profile; null when they become sRGB. */
  profile: Uint8Array | null;
  original: { width: number; height: number };
};

type FailOn = "warning" | "none";

/** Pixels row by row, three bytes each, in the colours of the picture's profile. */
type Pixels = { bytes: Buffer; raw: { width: number; height: number; channels: 3 } };

/**
 * Renders one picture upright and flattened on white; null when the file is damaged and next to nothing of it shows.
 *
 * First strictly: libjpeg calls a corrupt stream a mere warning, so a warning ends it. What fails so (surplus bytes,
 * which phones do write, are a warning too) is decoded again taking whatever comes: an upload cut off in its last third
 * still shows its head, while garbage behind a valid header gives an even grey, told by its lack of texture.
 * @throws what libvips says when nothing at all can be decoded.
 */
export async function renderPage(picture: Picture): Promise<RenderedPage | null> {
  const strict = await decode(picture, "warning").catch((error: unknown) => ({ error }));
  if (!("error" in strict)) return await pageOf(picture, strict, await smaller(strict, legibilitySide));
  const lenient = await decode(picture, "none");
  const small = await smaller(lenient, legibilitySide);
  const grey = luminance(small);
  if (showsAlmostNothing(grey)) return null;
  const isShort = isCutOff(grey) || repeatsRows(strict.error);
  const page = await pageOf(picture, lenient, small);
  return isShort ? { ...page, legibility: [...page.legibility, "cut_off"] } : page;
}

/** Where a PNG ends too early, libvips repeats rows that came before: nothing of that is even. */
const repeatsRows = (error: unknown): boolean => String(error).includes("libpng read error");

/** A thumbnail of a picture, in sRGB without a profile. */
export function thumbnailOf(picture: Sharp): Promise<RenderedImage> {
  return jpegOf(inside(picture, thumbnailSide));
}

/** Encodes as plain JPEG; without optimised Huffman tables, which save 1 % of bytes for 12 % of the CPU. */
export async function jpegOf(pipeline: Sharp): Promise<RenderedImage> {
  const encoder = pipeline.jpeg({ quality: jpegQuality, optimiseCoding: false });
  const { data, info } = await encoder.toBuffer({ resolveWithObject: true });
  return { bytes: data, width: info.width, height: info.height };
}

/** The one decoding of the original. All else is made of its pixels: decoding the rendition again takes 25 ms. */
function decode({ input, options, profile }: Picture, failOn: FailOn): Promise<Pixels> {
  const limitInputPixels = maxMegapixels * 1_000_000;
  const upright = sharp(input, { ...options, failOn, limitInputPixels }).autoOrient();
  const flat = inside(upright, renditionSide, "lanczos2").flatten({ background: "#ffffff" });
  return pixelsOf(profile ? flat.keepIccProfile() : flat);
}

/** The encoder works beside the verdict. Both pictures are given up. */
async function pageOf({ profile, original }: Picture, pixels: Pixels, small: Pixels): Promise<RenderedPage> {
  const encoding = jpegOf(imageOf(pixels));
  const legibility = judgeLegibility({ ...luminance(small), original });
  const plain = await encoding;
  // Only what carries its profile is turned into sRGB: bare pixels would be taken for it.
  const rendition = profile ? { ...plain, bytes: withIccProfile(plain.bytes, profile) } : plain;
  const thumbnail = await thumbnailOf(profile ? sharp(rendition.bytes) : imageOf(small));
  for (const { bytes } of [pixels, small]) releaseMemory(bytes);
  return { rendition, thumbnail, legibility };
}

const smaller = (pixels: Pixels, side: number): Promise<Pixels> => pixelsOf(inside(imageOf(pixels), side));

const imageOf = ({ bytes, raw }: Pixels): Sharp => sharp(bytes, { raw });

async function pixelsOf(pipeline: Sharp): Promise<Pixels> {
  const { data, info } = await pipeline.raw().toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  if (channels !== 3) throw new Error(`three channels were expected, not ${channels}`);
  return { bytes: data, raw: { width, height, channels } };
}

/** With two lobes the large step from 12 megapixels takes 6 ms less than with three, and the text stays as sharp (2 %). */
function inside(pipeline: Sharp, side: number, kernel: "lanczos2" | "lanczos3" = "lanczos3"): Sharp {
  return pipeline.resize({ width: side, height: side, fit: "inside", withoutEnlargement: true, kernel });
}

/** Luminance, summed here: libvips' own greyscale takes 24 ms longer per page. */
const luminance = ({ bytes, raw: { width, height } }: Pixels): GreyImage => greyOf(bytes, width, height);
