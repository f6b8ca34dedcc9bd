import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { createRenderer } from "./pool.ts";

const corpus = resolve(import.meta.dirname, "../../../../../shared/corpus");
const folders = ["pdf", "image", "camera", "photo", "scan"];
const spread = 60;

/** The same files every time: by name, evenly spread over the folders. */
function chosen(): string[] {
  const all = folders.flatMap((folder) =>
    readdirSync(join(corpus, folder))
      .sort()
      .map((name) => join(corpus, folder, name)),
  );
  return all.filter((_, index) => index % Math.ceil(all.length / spread) === 0);
}

test("real files of all kinds come to an end that can be told to a person, and hardly one without a preview", async (context) => {
  if (!existsSync(corpus)) context.skip("the corpus of real files is not on this machine (../shared/corpus)");
  const renderer = await createRenderer({ concurrency: 2, deadlineMs: 60_000 });
  const files = chosen();
  const renderings = await Promise.all(files.map((path) => renderer.render(path, { tight: false })));
  await renderer.close();
  const outcomes = renderings.map(({ outcome }, index) => ({ file: files[index]!, outcome }));
  const told = ["rendered", "no_preview", "unsupported", "over_limit"];
  expect(outcomes.filter(({ outcome }) => !told.includes(outcome))).toEqual([]);
  expect(files.length).toBeGreaterThan(40);
  expect(outcomes.filter(({ outcome }) => outcome === "rendered").length / files.length).toBeGreaterThan(0.9);
}, 300_000);
