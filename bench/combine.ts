import { randomBytes } from "node:crypto";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
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
    limitName: "copying the same bytes into new memory",
    goal: "≤ 5 × the limit",
    isMet: (_, ratio) => ratio <= 5,
    rounds: quick ? 1 : 4,
    ours: async () => timed(() => combineJpegs(photos)),
    limit: async () => {
      const target = Buffer.alloc(pages * pageBytes); // as new to the kernel as what the PDF is written into
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
  return [speed, figure(memory, [await memoryOf(photos)], [inputMb])];
}

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Megabytes that joining takes, what it leaves for the collector included and the pictures not: as V8 counts them, since freed pages hide in the resident size. */
async function memoryOf(photos: Picture[]): Promise<number> {
  collect();
  await new Promise(setImmediate); // buffers are given back beside the work, and counted as gone at the next collection
  collect();
  const before = held();
  const pdf = combineJpegs(photos);
  const after = held();
  if (pdf === null) throw new Error("the photos were not joined");
  return (after - before) / 1e6;
}

function held(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function timed(work: () => unknown): number {
  const startedMs = performance.now();
  work();
  return performance.now() - startedMs;
}
