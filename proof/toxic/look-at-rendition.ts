import sharp from "sharp";
import { canary, type Colour, type Truth } from "./toxic-file.ts";
import { findSegments } from "./write/jpeg.ts";

/** Markers that a rendition of ours has up to its scan: JFIF, a profile, tables, a baseline frame, the scan itself. */
const allowed = new Set([0xe0, 0xe2, 0xdb, 0xc0, 0xc4, 0xda]);
const words = [canary, "Exif\0", "ns.adobe.com", "Photoshop 3.0", "<script", "<?xpacket"];
const longestSide = 2_000;
/** A profile of a camera or a monitor has some kilobytes; what is longer was put there to be carried on. */
const profileBytes = 64 * 1024;

/** What is wrong with a picture that was made of a toxic file, in words; empty when nothing is. */
export async function lookAtRendition(jpeg: Uint8Array, truth: Truth | null): Promise<string[]> {
  return [...lookAtBytes(jpeg), ...(await lookAtPixels(jpeg, truth))];
}

function lookAtBytes(jpeg: Uint8Array): string[] {
  const bytes = Buffer.from(jpeg.buffer, jpeg.byteOffset, jpeg.byteLength);
  const segments = findSegments(bytes);
  const strange = segments
    .filter(({ marker }) => !allowed.has(marker))
    .map(({ marker }) => `has a segment ${marker.toString(16)}`);
  const profile = segments.filter(({ marker }) => marker === 0xe2);
  const foreign = profile.filter(
    ({ start }) => bytes.toString("latin1", start + 4, start + 16) !== "ICC_PROFILE\0",
  );
  const carried = profile.reduce((sum, { start, end }) => sum + end - start, 0);
  return [
    ...strange,
    ...(foreign.length > 0 ? ["has an APP2 that is no profile"] : []),
    ...(carried > profileBytes ? [`carries a profile of ${carried} bytes`] : []),
    ...words
      .filter((word) => bytes.includes(Buffer.from(word, "latin1")))
      .map((word) => `carries “${word.replaceAll("\0", "")}”`),
    ...(bytes.at(-2) === 0xff && bytes.at(-1) === 0xd9 ? [] : ["does not end where a JPEG ends"]),
  ];
}

async function lookAtPixels(jpeg: Uint8Array, truth: Truth | null): Promise<string[]> {
  const { data, info } = await sharp(jpeg, { failOn: "warning" })
    .toColourspace("srgb")
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  const faults = Math.max(width, height) > longestSide ? [`is ${width} × ${height}`] : [];
  if (truth === null) return faults;
  const seen = [0, 1, 2, 3].map((quadrant) => meanOf(data, { width, height, channels }, quadrant));
  const wrong = seen.filter((colour, index) => {
    const expected = truth.quadrants[index]!;
    return !isNear(colour, expected) && !(truth.torn && isTorn(colour, expected));
  });
  return [
    ...faults,
    ...wrong.map((colour) => `shows ${colour.map(Math.round).join(" ")} in the wrong place`),
  ];
}

type Size = { width: number; height: number; channels: number };

/** Mean colour of the middle of a quadrant. */
function meanOf(data: Buffer, { width, height, channels }: Size, quadrant: number): Colour {
  const [left, top] = [(quadrant % 2) * 0.5 + 0.1, (quadrant >> 1) * 0.5 + 0.1];
  const sums = [0, 0, 0];
  let count = 0;
  for (let y = Math.floor(top * height); y < (top + 0.3) * height; y += 1) {
    for (let x = Math.floor(left * width); x < (left + 0.3) * width; x += 1, count += 1)
      for (let channel = 0; channel < 3; channel += 1)
        sums[channel]! += data[(y * width + x) * channels + Math.min(channel, channels - 1)]!;
  }
  return sums.map((sum) => sum / Math.max(1, count)) as unknown as Colour;
}

const tolerance = 45;

function isNear(seen: Colour, expected: Colour): boolean {
  return seen.every((value, channel) => Math.abs(value - expected[channel]!) <= tolerance);
}

/** Colours with which decoders fill what is missing. */
const fills: readonly Colour[] = [
  [128, 128, 128],
  [255, 255, 255],
  [0, 0, 0],
];

/** Whether a colour may come of the true one and a fill, in any shares. */
function isTorn(seen: Colour, expected: Colour): boolean {
  return fills.some((fill) =>
    [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1].some((share) =>
      isNear(
        seen,
        expected.map((value, channel) => value * (1 - share) + fill[channel]! * share) as unknown as Colour,
      ),
    ),
  );
}
