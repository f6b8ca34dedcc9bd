import { seededRandom } from "@strongroom/local/test-random";
import { type Honest, quadrants } from "../honest.ts";
import { type End, heavy, inFamily, type ToxicFile } from "../toxic-file.ts";

const cut = inFamily("truncations");
const flipped = inFamily("mutations");
const formats = ["jpeg", "progressive", "png", "webp", "tiff", "heic", "pdf"] as const;
/** What is known of the pixels while a file lasts; nobody knows what a flipped bit makes of a picture. */
const torn = { truth: { quadrants, torn: true } };

/** Each honest file, cut at so many places, the first bytes among them. */
export function truncations(honest: Honest, places: number): ToxicFile[] {
  return formats.flatMap((format) => {
    const whole = honest[format];
    const kind = format === "progressive" ? "jpeg progressive" : format;
    return offsets(whole.length, places).map((at) =>
      cut(
        `${kind} cut at ${at} of ${whole.length}`,
        whole.subarray(0, at),
        endsAt(format, at),
        format === "heic" || format === "pdf" ? {} : torn,
      ),
    );
  });
}

/** Half of the places within the first kilobyte, where headers are; the rest evenly over the whole. */
function offsets(length: number, places: number): number[] {
  const early = Array.from(
    { length: places >> 1 },
    (_, index) => 1 + Math.floor((index / (places >> 1)) ** 2 * 1_000),
  );
  const even = Array.from({ length: places - early.length }, (_, index) =>
    Math.floor(((index + 1) / (places - early.length)) * (length - 1)),
  );
  return [...new Set([...early, ...even])].filter((at) => at < length);
}

/** Bytes from which on a file shows its type. */
const told: Record<(typeof formats)[number], number> = {
  jpeg: 3,
  progressive: 3,
  png: 8,
  webp: 12,
  tiff: 4,
  heic: 12,
  pdf: 5,
};

function endsAt(format: (typeof formats)[number], at: number): readonly End[] {
  if (at < told[format]) return ["rejected unsupported_type"];
  return ["stored", "no_preview broken"];
}

/** Each honest file with 1 to 200 bytes changed, so many times; a header may come to say anything. */
export function mutations(honest: Honest, times: number, seed: number): ToxicFile[] {
  const ends: readonly End[] = [
    ...heavy,
    "rejected unsupported_type",
    "rejected too_many_pixels",
    "rejected side_too_long",
    "rejected too_many_pages",
    "no_preview encrypted",
  ];
  return formats.flatMap((format, kindIndex) =>
    Array.from({ length: times }, (_, index) => {
      const random = seededRandom(seed * 1_000_003 + kindIndex * 10_007 + index);
      const copy = Buffer.from(honest[format]);
      const flips = 1 + Math.floor(random() ** 3 * 200);
      // One in three keeps to the header, where one byte tells more.
      const within = index % 3 === 0 ? Math.min(copy.length, 700) : copy.length;
      for (let flip = 0; flip < flips; flip += 1)
        copy[Math.floor(random() * within)] = Math.floor(random() * 256);
      return flipped(
        `${format === "progressive" ? "jpeg progressive" : format} with ${flips} bytes changed, ${index}`,
        copy,
        ends,
      );
    }),
  );
}
