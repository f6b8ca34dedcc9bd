import { randomBytes } from "node:crypto";
import { combineJpegs } from "@strongroom/core/document/combine-jpegs";
import { drawPhoto } from "./draw-photo.ts";
import { type BenchOptions, figure, type Race, race } from "./race.ts";

const pages = 50;
const pageBytes = 2_720_000;

type Picture = { bytes: Buffer; width: number; height: number };

/** Fifty photos, 136 MB, joined to one PDF: beside copying the bytes in memory, and the memory that it takes. */
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
    ours: async () => timed(() => combineJpegs(photos)),
    limit: async () => {
      const target = Buffer.alloc(pages * pageBytes); // written once, so that no page of it is new to the kernel
      return timed(() => photos.forEach(({ bytes }, index) => bytes.copy(target, index * pageBytes)));
    },
  });
  const memory = {
    name: `${name}: memory`,
    unit: "MB",
    limitName: "the bytes that go in",
    goal: "≤ 4 × the limit",
    isMet: (_: number, ratio: number) => ratio <= 4,
  };
  return [speed, figure(memory, [memoryOf(photos)], [inputMb])];
}

/** Megabytes that the PDF costs while it is held, its pictures not counted. */
function memoryOf(photos: Picture[]): number {
  const before = process.memoryUsage.rss();
  const pdf = combineJpegs(photos);
  const after = process.memoryUsage.rss();
  if (pdf === null) throw new Error("the photos were not joined");
  return (after - before) / 1e6;
}

function timed(work: () => unknown): number {
  const startedMs = performance.now();
  work();
  return performance.now() - startedMs;
}
