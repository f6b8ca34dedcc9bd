import { globSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRenderer } from "@strongroom/eks-workers/render/pool";
import type { Renderer } from "@strongroom/core/document/rendering";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { drawHonest } from "./honest.ts";
import { breaks, handedOn } from "./breaks.ts";
import { mutations } from "./families/worn-files.ts";
import { sendThroughPool } from "./send-through-pool.ts";
import { families, type Family, type ToxicFile } from "./toxic-file.ts";
import { makeToxicFiles } from "./toxic-files.ts";

/** Families of which the decode pool sees nothing special: the names and lies of requests, and what costs minutes. */
const elsewhere: readonly Family[] = [
  "file names",
  "lies",
  "drawing bombs",
  "decompression bombs",
  "pixel bombs",
];
/** Of each family, evenly spread: the whole is for `npm run toxic`. */
const ofEach = 5;

const repository = join(import.meta.dirname, "../..");
const honest = await drawHonest(1);
const all = makeToxicFiles(honest, { cuts: 4, changes: 3, seed: 1 }).filter(
  ({ ends }) => !ends[0]?.startsWith("refused"),
);
const chosen = families
  .filter((family) => !elsewhere.includes(family))
  .map((family) => {
    const files = all.filter((file) => file.family === family);
    return { family, files: files.filter((_, index) => index % Math.ceil(files.length / ofEach) === 0) };
  });

let directory: string;
let renderer: Renderer;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "strongroom-toxic-"));
  renderer = await createRenderer({ concurrency: 2 });
});
afterAll(async () => {
  await renderer.close();
  await rm(directory, { recursive: true });
});

const misses = async (files: readonly ToxicFile[]): Promise<string[]> => {
  const verdicts = await Promise.all(files.map((file) => sendThroughPool(renderer, file, directory)));
  return verdicts.flatMap(({ file, misses: found }) => found.map((miss) => `${file.kind} ${miss}`));
};

describe("hostile files, through the decode pool", () => {
  test.each(chosen)("end as they may: $family", async ({ files }) => {
    expect(files.length).toBeGreaterThan(0);
    expect(await misses(files)).toEqual([]);
  });

  test("leave the pool as good as it was", async () => {
    const path: ToxicFile = {
      ...all[0]!,
      kind: "honest",
      bytes: () => honest.jpeg,
      ends: ["stored"],
      truth: null,
    };
    expect(await misses([path, path, path])).toEqual([]);
  });
});

describe("the harness", () => {
  const like = (change: Partial<ToxicFile>): ToxicFile => ({
    ...all[0]!,
    bytes: () => honest.jpeg,
    ends: ["stored"],
    ...change,
  });

  test("tells an end that is not allowed", async () => {
    expect(await misses([like({ kind: "a photo", ends: ["rejected too_many_pixels"] })])).toEqual([
      "a photo ended “stored”, not “rejected too_many_pixels”",
    ]);
  });

  test("tells a picture that shows the wrong thing", async () => {
    const red = [255, 0, 0] as const;
    const found = await misses([like({ truth: { quadrants: [red, red, red, red], torn: false } })]);
    expect(found.join()).toContain("in the wrong place");
  });

  test("makes the same files of the same seed, and others of another", async () => {
    const bytesOf = async (seed: number) => {
      const made = mutations(honest, 2, seed);
      return Buffer.concat(await Promise.all(made.map(async (file) => await file.bytes())));
    };
    const [first, again, other] = [await bytesOf(1), await bytesOf(1), await bytesOf(2)];
    expect(first.equals(again)).toBe(true);
    expect(first.equals(other)).toBe(false);
  });

  test.each(breaks)("can take a defence away in the source as it stands: $name", ({ patches, shows }) => {
    for (const { file, from } of [...patches, ...handedOn("preload")]) {
      const paths = globSync(`packages/*/src/**/${file.replace(/^local\/src\//, "")}`, { cwd: repository });
      expect(paths).toHaveLength(1);
      expect(readFileSync(join(repository, paths[0]!), "utf8").split(from)).toHaveLength(2);
    }
    expect(shows.filter((kind) => !all.some((file) => file.kind === kind))).toEqual([]);
  });

  test("knows at least 60 kinds beside cuts and changes, and at least 400 files in full", () => {
    const kinds = all.filter(({ family }) => family !== "truncations" && family !== "mutations");
    expect(kinds.length).toBeGreaterThan(60);
    expect(makeToxicFiles(honest, { cuts: 64, changes: 32, seed: 1 }).length).toBeGreaterThan(400);
  });
});
