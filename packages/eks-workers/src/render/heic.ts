import decode from "heic-decode";
import { type Decoded, overLimit, undecodable } from "./decoded.ts";
import { readExif } from "./exif.ts";
import { readHeicExtras } from "./heic-boxes.ts";
import { breaksImageLimit } from "./limits.ts";
import { renderPage } from "./page.ts";
import { plainProfile } from "./plain-profile.ts";

const mediaType = "image/heic";

/**
 * Renders the first picture of a HEIC file. libheif turns it upright itself, so EXIF orientation is not applied again.
 * The profile is handed over beside the pixels, since raw ones carry none.
 */
export async function renderHeic(bytes: Buffer): Promise<Decoded> {
  const { icc, exif } = readHeicExtras(bytes);
  try {
    const images = await decode.all({ buffer: withKnownBrand(bytes) });
    try {
      const [image] = images;
      if (!image) return undecodable(mediaType, "no image");
      const { width, height } = image;
      const broken = breaksImageLimit(width, height);
      if (broken) return overLimit(mediaType, broken);
      const { data } = await image.decode();
      const options = { raw: { width, height, channels: 4 as const } };
      const page = await renderPage({
        input: data,
        options,
        profile: icc && plainProfile(icc),
        original: { width, height },
      });
      if (page === null) return undecodable(mediaType, "damaged", 1);
      const captureFacts = {
        format: "heic",
        width,
        height,
        hasProfile: icc !== null,
        ...(exif ? readExif(exif) : {}),
      };
      return { outcome: "rendered", mediaType, pageCount: 1, pages: [page], text: null, captureFacts };
    } finally {
      images.dispose();
    }
  } catch (error) {
    return undecodable(mediaType, error);
  }
}

/** heic-decode looks at the major brand and knows six; libheif itself does not care, so every file says "heic". */
function withKnownBrand(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy.write("heic", 8, "latin1");
  return copy;
}
