import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { isKept } from "./run.ts";
import { mountSmallDisk } from "./small-disk.ts";

test("what lies on the small disk is gone with it, unless it is kept: then whoever looks again finds it in its place", async (context) => {
  const directory = await mkdtemp(join(tmpdir(), "strongroom-disk-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  const path = join(directory, "objects");
  for (const keeps of [false, true]) {
    const disk = await mountSmallDisk(path, 1);
    if (disk === null) return context.skip("mounting is not allowed here");
    await mkdir(join(path, "vault"));
    await writeFile(join(path, "vault", "page@"), "page", { mode: 0o400 });
    await disk.unmount({ keeps, say: () => {} });
    expect(await readdir(path)).toEqual(keeps ? ["vault"] : []);
  }
  expect(await readFile(join(path, "vault", "page@"), "utf8")).toBe("page");
  expect((await stat(path)).dev).toBe((await stat(directory)).dev);
});

test("a small disk that cannot be copied is unmounted all the same, and somebody hears of it", async (context) => {
  const directory = await mkdtemp(join(tmpdir(), "strongroom-disk-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  const path = join(directory, "objects");
  const disk = await mountSmallDisk(path, 1);
  if (disk === null) return context.skip("mounting is not allowed here");
  await writeFile(join(path, "page"), "page");
  await writeFile(`${path}.kept`, "in the way");
  const said: string[] = [];
  await disk.unmount({ keeps: true, say: (sentence) => said.push(sentence) });
  expect(said).toEqual([expect.stringMatching(/^what lay on the small disk is lost, .*cannot overwrite/s)]);
  expect(await readdir(directory)).toEqual(["objects"]);
  expect((await stat(path)).dev).toBe((await stat(directory)).dev);
});

test("a run that was not judged is kept, unless somebody stopped it; of one that was, its verdicts say", () => {
  const [going, stopped] = [new AbortController().signal, AbortSignal.abort()];
  const keeps = (verdicts: readonly unknown[]) => verdicts.length > 0;
  expect(isKept({ keeps, stopping: going }, null)).toBe(true);
  expect(isKept({ keeps, stopping: stopped }, null)).toBe(false);
  expect(isKept({ keeps, stopping: going }, [])).toBe(false);
  expect(isKept({ keeps: () => true, stopping: going }, [])).toBe(true);
});
