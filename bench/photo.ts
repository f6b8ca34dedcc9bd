import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Renderer } from "@strongroom/core/document/rendering";
import { createRenderer } from "@strongroom/eks-workers/render/pool";
import sharp from "sharp";
import { cpuMsOf, cpuMsOfCommand, cpuMsOfTree } from "./cpu.ts";
import { drawPhoto } from "./draw-photo.ts";
import { filesLike } from "./files.ts";
import { type BenchOptions, type Race, race } from "./race.ts";
import { has } from "./run.ts";
import { inScratch } from "./scratch.ts";

/** Photos that one measurement takes: fewer than the 50 after which a child is replaced. */
const photos = 10;

/** CPU per 12-megapixel photo, in the decode child and its parent: beside libjpeg's own tools, and beside decoding it twice. */
export async function racePhoto(options: BenchOptions): Promise<Race[]> {
  const renderer = await createRenderer({ concurrency: 1 });
  try {
    return await inScratch(async (directory) => [
      await raceLibjpeg(renderer, directory, options),
      await raceTwice(renderer, directory, options),
    ]);
  } finally {
    await renderer.close();
  }
}

async function raceLibjpeg(renderer: Renderer, directory: string, options: BenchOptions): Promise<Race> {
  const given = await filesLike(options, /\.jpe?g$/i);
  const path = given[0] ?? join(directory, "photo.jpg");
  if (given.length === 0) await writeFile(path, await drawPhoto());
  const tools = (await has("djpeg")) && (await has("cjpeg"));
  const pipe = `djpeg -scale 1/2 -outfile ${directory}/half.ppm '${path}'; cjpeg -quality 80 -outfile ${directory}/half.jpg ${directory}/half.ppm`;
  const commands = Array.from({ length: photos }, () => pipe).join("\n");
  return await race({
    name: "photo, 12 megapixels → 2,000 px JPEG, thumbnail, legibility",
    unit: "CPU-ms",
    limitName: "djpeg -scale 1/2, cjpeg",
    goal: "≤ 2.2 × the limit",
    isMet: (_, ratio) => ratio <= 2.2,
    rounds: options.quick ? 1 : 5,
    ours: () => cpuOfRender(renderer, path),
    limit: tools ? async () => (await cpuMsOfCommand(commands)) / photos : null,
  });
}

/** A phone's photo has the P3 profile: whoever decodes it once per size, into sRGB, pays for both twice. */
async function raceTwice(renderer: Renderer, directory: string, { quick }: BenchOptions): Promise<Race> {
  const path = join(directory, "p3.jpg");
  const bytes = await drawPhoto({ profile: "p3", seed: 2 });
  await writeFile(path, bytes);
  sharp.concurrency(1);
  const once = (side: number) =>
    sharp(bytes).rotate().resize(side, side, { fit: "inside" }).jpeg({ quality: 80 }).toBuffer();
  return await race({
    name: "the same of a photo with the P3 profile",
    unit: "CPU-ms",
    limitName: "sharp, decoding once for each of the two sizes, to sRGB",
    goal: "≤ 0.5 × the limit",
    isMet: (_, ratio) => ratio <= 0.5,
    rounds: quick ? 1 : 5,
    ours: () => cpuOfRender(renderer, path),
    limit: async () => await cpuMsOf(() => once(2_000).then(() => once(320))),
  });
}

async function cpuOfRender(renderer: Renderer, path: string): Promise<number> {
  const before = cpuMsOfTree(process.pid);
  for (let photo = 0; photo < photos; photo++) {
    const { outcome } = await renderer.render(path, { tight: false });
    if (outcome !== "rendered") throw new Error(`${path} is ${outcome}`);
  }
  return (cpuMsOfTree(process.pid) - before) / photos;
}
