import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRenderer } from "@strongroom/eks-workers/render/pool";
import sharp from "sharp";
import { cpuMsOfCommand, cpuMsOfTree, has, type Race, race } from "./race.ts";

/** Photos that one measurement takes: fewer than the 50 after which a child is replaced. */
const photos = 10;

/** A 12-megapixel JPEG of about 3 MB with the detail of a photographed page. */
export async function drawPhoto(width = 4_032, height = 3_024): Promise<Buffer> {
  const noise = randomBytes((width / 8) * (height / 8) * 3);
  const grain = await sharp(noise, { raw: { width: width / 8, height: height / 8, channels: 3 } })
    .resize(width, height)
    .blur(2)
    .png({ compressionLevel: 1 })
    .toBuffer();
  const lines = Array.from(
    { length: 60 },
    (_, index) =>
      `<text x="200" y="${150 + index * 46}" font-size="34">Load 4711 position ${index} of 60: pallets, weight and remarks</text>`,
  );
  const page = `<svg width="${width}" height="${height}"><rect x="100" y="60" width="${width - 200}" height="${height - 120}" fill="#f4f1ea" fill-opacity="0.85"/>${lines.join("")}</svg>`;
  return await sharp(grain)
    .composite([{ input: Buffer.from(page) }])
    .jpeg({ quality: 88 })
    .toBuffer();
}

/** CPU per 12-megapixel photo, in the decode child and its parent, beside libjpeg's own tools on the same file. */
export async function racePhoto(): Promise<Race> {
  const directory = await mkdtemp(join(tmpdir(), "strongroom-bench-"));
  const path = join(directory, "photo.jpg");
  await writeFile(path, await drawPhoto());
  const renderer = await createRenderer({ concurrency: 1 });
  const tools = (await has("djpeg")) && (await has("cjpeg"));
  const pipe = `djpeg -scale 1/2 -outfile ${directory}/half.ppm ${path}; cjpeg -quality 80 -outfile ${directory}/half.jpg ${directory}/half.ppm`;
  try {
    return await race({
      name: "photo, 12 megapixels → 2,000 px JPEG, thumbnail, legibility",
      unit: "CPU-ms",
      more: false,
      limitName: tools ? "djpeg -scale 1/2, cjpeg" : "djpeg and cjpeg are not installed",
      goal: "≤ 2.2 × the limit",
      rounds: 5,
      ours: async () => {
        const before = cpuMsOfTree(process.pid);
        for (let photo = 0; photo < photos; photo++) await renderer.render(path, { tight: false });
        return (cpuMsOfTree(process.pid) - before) / photos;
      },
      limit: tools
        ? async () => (await cpuMsOfCommand(Array.from({ length: photos }, () => pipe).join("\n"))) / photos
        : null,
    });
  } finally {
    await renderer.close();
    await rm(directory, { recursive: true });
  }
}
