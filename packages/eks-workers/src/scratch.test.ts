import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openScratch } from "./scratch.ts";

let parent: string;
beforeEach(async () => (parent = await mkdtemp(join(tmpdir(), "strongroom-test-"))));
afterEach(() => rm(parent, { recursive: true }));

async function leftBy(pid: number): Promise<string> {
  const name = `strongroom-scratch-${pid}-abcdef`;
  await mkdir(join(parent, name, "strongroom-work-1"), { recursive: true });
  await writeFile(join(parent, name, "strongroom-work-1", "file-1"), "plaintext");
  return name;
}

it("a worker's scratch directory is closed to others and new each time", async () => {
  const [one, two] = [await openScratch(parent), await openScratch(parent)];
  expect(one).not.toBe(two);
  expect((await stat(one)).mode & 0o777).toBe(0o700);
  expect(await readdir(parent)).toHaveLength(2);
});

it("plaintext that a killed worker left is removed; what a living one works on, and all else, is left alone", async () => {
  const { pid: dead } = spawnSync("true");
  await leftBy(dead);
  const living = [await leftBy(process.ppid), await leftBy(1)];
  const others = [
    "strongroom-scratch-",
    "strongroom-scratch-x-1",
    `other-${dead}-1`,
    `strongroom-work-${dead}-1`,
  ];
  for (const name of others) await mkdir(join(parent, name));
  const mine = await openScratch(parent);
  expect((await readdir(parent)).toSorted()).toEqual(
    [...living, ...others, mine.slice(parent.length + 1)].toSorted(),
  );
});

it("what an earlier process of the same number left is removed, as in a container that was started anew", async () => {
  const younger = await leftBy(process.pid);
  await openScratch(parent);
  expect(await readdir(parent)).toContain(younger);
  const born = (await stat(join(parent, younger))).birthtimeMs;
  const uptime = process.uptime;
  process.uptime = () => (Date.now() - born - 1_000) / 1_000;
  try {
    await utimes(join(parent, younger), new Date(), new Date());
    await openScratch(parent);
  } finally {
    process.uptime = uptime;
  }
  expect(await readdir(parent)).not.toContain(younger);
});
