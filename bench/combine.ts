import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { combineJpegs } from "@strongroom/eks-workers/render/combine";
import { createRenderer } from "@strongroom/eks-workers/render/pool";
import { readStat } from "./cpu.ts";
import { drawPhoto } from "./draw-photo.ts";
import { residentMb } from "./memory-peak.ts";
import { type BenchOptions, figure, type Race, race } from "./race.ts";

const pages = 50;
const pageBytes = 2_720_000;

/** Fifty photos, 136 MB, joined to one PDF: beside copying the bytes in memory, and the memory of the child that joins them. */
export async function raceCombine({ quick }: BenchOptions): Promise<Race[]> {
  const picture = await drawPhoto({ width: 2_000, height: 1_500 });
  const photos = Array.from({ length: pages }, () => {
    const trailer = randomBytes(pageBytes - picture.length); // after the end of the picture: embedded as it is
    return { bytes: Buffer.concat([picture, trailer]), width: 2_000, height: 1_500 };
  });
  const inputMb = (pages * pageBytes) / 1e6;
  const name = `${pages} photos, ${inputMb.toFixed(0)} MB → one PDF`;
  const speed = await race({
    name,
    unit: "ms",
    limitName: "copying the same bytes in memory",
    goal: "≤ 5 × the limit",
    isMet: (_, ratio) => ratio <= 5,
    rounds: quick ? 1 : 4,
    ours: async () => await timed(() => combineJpegs(photos)),
    limit: async () => {
      const target = Buffer.alloc(pages * pageBytes); // written once, so that no page of it is new to the kernel
      return await timed(async () =>
        photos.forEach(({ bytes }, index) => bytes.copy(target, index * pageBytes)),
      );
    },
  });
  const memory = {
    name: `${name}: memory of the decode child`,
    unit: "MB",
    limitName: "the bytes that go in",
    goal: "≤ 4 × the limit",
    isMet: (_: number, ratio: number) => ratio <= 4,
  };
  return [speed, figure(memory, [await peakOfChild(photos)], [inputMb])];
}

async function peakOfChild(photos: { bytes: Uint8Array; width: number; height: number }[]): Promise<number> {
  const renderer = await createRenderer({ concurrency: 1 });
  try {
    const children = descendants();
    const base = children.map((pid) => residentMb(pid).now);
    let most = 0;
    const looking = setInterval(() => {
      const over = children.map((pid, index) => residentMb(pid).most - base[index]!);
      most = Math.max(most, ...over);
    }, 20);
    const pdf = await renderer.combine(photos);
    clearInterval(looking);
    if (pdf === null) throw new Error("the photos were not joined");
    return most;
  } finally {
    await renderer.close();
  }
}

function descendants(): number[] {
  const all = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap(readStat);
  const below = (pid: number): number[] =>
    all.filter(({ parent }) => parent === pid).flatMap((child) => [child.pid, ...below(child.pid)]);
  return below(process.pid);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}
