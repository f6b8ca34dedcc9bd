import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createRenderer } from "@strongroom/eks-workers/render/pool";
import { cpuMsOfCommand, cpuMsOfTree } from "./cpu.ts";
import { drawPhoto } from "./draw-photo.ts";
import { filesLike } from "./files.ts";
import { type BenchOptions, type Race, race, skip } from "./race.ts";
import { has, run } from "./run.ts";
import { inScratch } from "./scratch.ts";

const about = {
  name: "HEIC, 12 megapixels → 2,000 px JPEG, thumbnail, legibility, in a child",
  unit: "CPU-ms",
  limitName: "native heif-convert to JPEG",
  goal: "≤ 1.8 × the limit",
};

/** libheif as WebAssembly in the decode child, beside libheif itself; the picture comes from `--files`, or from heif-enc. */
export async function raceHeic(options: BenchOptions): Promise<Race> {
  return await inScratch(async (directory) => {
    const path = (await filesLike(options, /\.hei[cf]$/i))[0] ?? (await encode(directory));
    if (path === null) return skip(about, "heif-enc: not on this machine, and no --files with a HEIC photo");
    const renderer = await createRenderer({ concurrency: 1 });
    try {
      return await race({
        ...about,
        isMet: (_, ratio) => ratio <= 1.8,
        rounds: options.quick ? 1 : 4,
        ours: async () => {
          const before = cpuMsOfTree(process.pid);
          const { outcome } = await renderer.render(path, { tight: false });
          if (outcome !== "rendered") throw new Error(`${path} is ${outcome}`);
          return cpuMsOfTree(process.pid) - before;
        },
        limit: (await has("heif-convert"))
          ? () => cpuMsOfCommand(`heif-convert -q 80 '${path}' ${directory}/out.jpg > ${directory}/said`)
          : null,
      });
    } finally {
      await renderer.close();
    }
  });
}

async function encode(directory: string): Promise<string | null> {
  if (!(await has("heif-enc"))) return null;
  const [from, to] = [join(directory, "photo.jpg"), join(directory, "photo.heic")];
  await writeFile(from, await drawPhoto());
  await run("heif-enc", ["-q", "60", "-p", "preset=ultrafast", "-o", to, from]);
  return to;
}
