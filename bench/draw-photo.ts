import { seededRandom } from "@strongroom/local/test-random";
import sharp from "sharp";

/** Detail that JPEG finds hard to pack, and lines of text as on a photographed page. */
type Drawing = { width?: number; height?: number; quality?: number; seed?: number; profile?: string };

/** A JPEG, of 12 megapixels and about 3 MB if nothing else is said, with the detail of a photographed page; the same each time. */
export async function drawPhoto({
  width = 4_032,
  height = 3_024,
  quality = 88,
  seed = 1,
  profile,
}: Drawing = {}): Promise<Buffer> {
  const [across, down] = [Math.ceil(width / 8), Math.ceil(height / 8)];
  const random = seededRandom(seed);
  const noise = Buffer.from(Uint8Array.from({ length: across * down * 3 }, () => random() * 256));
  const grain = await sharp(noise, { raw: { width: across, height: down, channels: 3 } })
    .resize(width, height)
    .blur(2)
    .png({ compressionLevel: 1 })
    .toBuffer();
  const photo = sharp(grain).composite([{ input: Buffer.from(page(width, height)) }]);
  return await (profile ? photo.withIccProfile(profile) : photo).jpeg({ quality }).toBuffer();
}

function page(width: number, height: number): string {
  const unit = height / 3_024;
  const lines = Array.from(
    { length: 60 },
    (_, index) =>
      `<text x="${200 * unit}" y="${(150 + index * 46) * unit}" font-size="${34 * unit}">Load 4711 position ${index} of 60: pallets, weight and remarks</text>`,
  );
  const [x, y] = [100 * unit, 60 * unit];
  return `<svg width="${width}" height="${height}"><rect x="${x}" y="${y}" width="${width - 2 * x}" height="${height - 2 * y}" fill="#f4f1ea" fill-opacity="0.85"/>${lines.join("")}</svg>`;
}
