import type { RenderedPage } from "@strongroom/core/document/rendering";
import type { Metadata } from "sharp";
import { sharp } from "./codecs.ts";
import { type Decoded, overLimit, undecodable } from "./decoded.ts";
import { readExif } from "./exif.ts";
import { type Allowance, breaksImageLimit } from "./limits.ts";
import { renderPage } from "./page.ts";
import { plainProfile } from "./plain-profile.ts";
import { webpSize } from "./webp-size.ts";

/** Types that libvips decodes; an animated WebP counts as its first picture. */
export type PhotoType = "image/jpeg" | "image/png" | "image/webp" | "image/tiff";

/**
 * Renders a photo or the pages of a TIFF; dimensions are compared with the limits before anything is decoded. Past the
 * soft deadline the previews of a TIFF end early (one page at least), rather than not at all.
 */
export async function renderPhoto(
  bytes: Buffer,
  mediaType: PhotoType,
  allowance: Allowance,
): Promise<Decoded> {
  const endsAt = performance.now() + allowance.softDeadlineMs;
  try {
    const declared = mediaType === "image/webp" ? webpSize(bytes) : null;
    const isOver = declared && breaksImageLimit(declared.width, declared.height);
    if (isOver) return overLimit(mediaType, isOver);
    const header = await headerOf(bytes, 0);
    const pageCount = mediaType === "image/tiff" ? (header.pages ?? 1) : 1;
    const previews = Math.min(pageCount, allowance.previewPages);
    const pages: RenderedPage[] = [];
    for (let page = 0; page < previews && (page === 0 || performance.now() < endsAt); page += 1) {
      const { width, height, ...rest } = page === 0 ? header : await headerOf(bytes, page);
      const broken = breaksImageLimit(width, height);
      if (broken) return overLimit(mediaType, broken);
      const options = mediaType === "image/tiff" ? { page } : {};
      const profile = profileFits(rest) ? plainProfile(rest.icc!) : null;
      const rendered = await renderPage({ input: bytes, options, profile, original: { width, height } });
      if (rendered === null) return undecodable(mediaType, "damaged", pageCount);
      pages.push(rendered);
    }
    return {
      outcome: "rendered",
      mediaType,
      pageCount,
      pages,
      text: null,
      captureFacts: factsOf(bytes, header),
    };
  } catch (error) {
    return undecodable(mediaType, error);
  }
}

/** Reads the header of one page only; nothing is decoded, so no pixel limit applies yet. */
function headerOf(bytes: Buffer, page: number): Promise<Metadata> {
  return sharp(bytes, { page, failOn: "none", limitInputPixels: false }).metadata();
}

/**
 * Whether the embedded profile describes the pixels of the rendition. It does for RGB and grey; a CMYK or Lab picture
 * leaves as sRGB, so its profile must not stay (and converting costs 386 CPU-ms against 149 on a phone photo).
 */
function profileFits({ icc, space }: Pick<Metadata, "icc" | "space">): boolean {
  const dataSpace = icc?.toString("latin1", 16, 20);
  if (dataSpace === "RGB ") return space === "srgb" || space === "rgb" || space === "rgb16";
  return dataSpace === "GRAY" && (space === "b-w" || space === "grey16");
}

function factsOf(bytes: Buffer, header: Metadata): Record<string, unknown> {
  // A TIFF file is itself the structure that EXIF borrows; elsewhere it stands behind "Exif\0\0".
  const exif = header.format === "tiff" ? bytes : header.exif?.subarray(6);
  return {
    format: header.format,
    width: header.width,
    height: header.height,
    density: header.density ?? null,
    hasProfile: header.hasProfile,
    ...(exif ? readExif(exif) : {}),
  };
}
