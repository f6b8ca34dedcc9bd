import type { RenderedImage, RenderedPage } from "@strongroom/core/document/rendering";
import type { Sharp, SharpInput, SharpOptions } from "sharp";
import { sharp } from "./codecs.ts";
import { withIccProfile } from "./icc.ts";
import {
  type GreyImage,
  judgeLegibility,
  legibilitySide,
  luminanceOf,
  showsAlmostNothing,
} from "./legibility.ts";
import { jpegQuality, maxMegapixels, renditionSide, thumbnailSide } from "./limits.ts";

/** Pixels on their way to a page: what sharp is given, and the original's size for the verdict. */
export type Picture = {
  input: SharpInput;
  options: SharpOptions;
  /** What describes the pixels, to be kept beside them as they are; null: they become sRGB. */
  profile: Uint8Array | null;
  original: { width: number; height: number };
};

type FailOn = "warning" | "none";

/**
 * Renders one picture upright and flattened on white; null when the file is damaged and next to nothing of it shows.
 *
 * First strictly: libjpeg calls a corrupt stream a mere warning, so a warning ends it. What fails so (surplus bytes,
 * which phones do write, are a warning too) is decoded again taking whatever comes: an upload cut off in its last third
 * still shows its head, while garbage behind a valid header gives an even grey, told by its lack of texture.
 * @throws what libvips says when nothing at all can be decoded.
 */
export async function renderPage(picture: Picture): Promise<RenderedPage | null> {
  const strict = await encode(picture, "warning").catch((error: unknown) => ({ error }));
  if (!("error" in strict)) return (await look(strict, picture.original)).page;
  const { page, grey } = await look(await encode(picture, "none"), picture.original);
  return showsAlmostNothing(grey) ? null : page;
}

/** A thumbnail of a rendition, in sRGB without a profile. */
export function thumbnailOf(rendition: RenderedImage): Promise<RenderedImage> {
  return jpegOf(inside(sharp(rendition.bytes), thumbnailSide));
}

/** Encodes as plain JPEG; without optimised Huffman tables, which save 1 % of bytes for 12 % of the CPU. */
export async function jpegOf(pipeline: Sharp): Promise<RenderedImage> {
  const encoder = pipeline.jpeg({ quality: jpegQuality, optimiseCoding: false });
  const { data, info } = await encoder.toBuffer({ resolveWithObject: true });
  return { bytes: data, width: info.width, height: info.height };
}

/** Adds thumbnail and verdict. Both are made from the rendition, so the original is decoded once. */
async function look(rendition: RenderedImage, original: { width: number; height: number }) {
  const grey = await greyOf(rendition);
  const legibility = judgeLegibility({ ...grey, original });
  return { grey, page: { rendition, thumbnail: await thumbnailOf(rendition), legibility } };
}

async function encode({ input, options, profile }: Picture, failOn: FailOn): Promise<RenderedImage> {
  const limitInputPixels = maxMegapixels * 1_000_000;
  const upright = sharp(input, { ...options, failOn, limitInputPixels }).autoOrient();
  const flat = inside(upright, renditionSide).flatten({ background: "#ffffff" });
  if (profile === null) return await jpegOf(flat);
  // Kept on the way, so that the pixels are not converted; then the one that carries nothing else takes its place.
  const image = await jpegOf(flat.keepIccProfile());
  return { ...image, bytes: withIccProfile(image.bytes, profile) };
}

function inside(pipeline: Sharp, side: number): Sharp {
  return pipeline.resize({ width: side, height: side, fit: "inside", withoutEnlargement: true });
}

/** Luminance at legibility size. Summed here from RGB: libvips' own greyscale takes 24 ms longer per page. */
async function greyOf(rendition: RenderedImage): Promise<GreyImage> {
  const small = inside(sharp(rendition.bytes), legibilitySide).keepIccProfile().raw();
  const { data, info } = await small.toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  if (channels < 3) return { pixels: data, width, height };
  const pixels = new Uint8Array(width * height);
  for (let at = 0, from = 0; at < pixels.length; at += 1, from += channels) {
    pixels[at] = luminanceOf(data[from]!, data[from + 1]!, data[from + 2]!);
  }
  return { pixels, width, height };
}
