import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
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
    await disk.unmount(keeps);
    expect(await readdir(path)).toEqual(keeps ? ["vault"] : []);
  }
  expect(await readFile(join(path, "vault", "page@"), "utf8")).toBe("page");
  expect((await stat(path)).dev).toBe((await stat(directory)).dev);
});
