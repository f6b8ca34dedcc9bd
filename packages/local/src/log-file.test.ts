import { mkdtemp, readFile, rm, stat, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { logLimitBytes, writeLogFile } from "./log-file.ts";

let home: string;
let path: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "strongroom-log-"));
  path = join(home, "local.log");
});
afterEach(() => rm(home, { recursive: true }));

const textOf = (file: string): Promise<string> => readFile(file, "utf8").catch(() => "");

describe("a log in a file", () => {
  test("goes on behind what a start before has written, readable by its user alone", async () => {
    writeLogFile(path)("before\n");
    await expect.poll(() => textOf(path)).toBe("before\n");
    writeLogFile(path)("after\n");
    await expect.poll(() => textOf(path)).toBe("before\nafter\n");
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  test("goes on when a disk that was full has room again", async (context) => {
    if (process.platform !== "linux") context.skip("only Linux has a device that is always full");
    await symlink("/dev/full", path);
    const write = writeLogFile(path);
    write("lost\n");
    await rm(path);
    const kept = async () => {
      write("kept\n"); // until the fault of the line before was told, it goes the same way
      return await textOf(path);
    };
    await expect.poll(kept).toMatch(/kept\n$/);
  });

  test.each([
    ["has 16 MiB goes on", logLimitBytes],
    ["has more is put aside by the first line of a start", logLimitBytes + 1],
  ])("that %s", async (_, sizeBytes) => {
    await writeFile(path, "");
    await truncate(path, sizeBytes);
    const aside = sizeBytes > logLimitBytes;
    writeLogFile(path)("line\n");
    await expect.poll(async () => (await textOf(path)).slice(-5)).toBe("line\n");
    expect((await stat(path)).size).toBe(aside ? 5 : sizeBytes + 5);
    expect((await stat(`${path}.old`).catch(() => null))?.size).toBe(aside ? sizeBytes : undefined);
  });

  test("is put aside whenever it has grown above 16 MiB, and of its lines none is lost then", async () => {
    const write = writeLogFile(path);
    const line = (number: number) => `${number} ${"x".repeat(1024 * 1024)}\n`;
    write("first\n");
    await expect.poll(() => textOf(path)).toBe("first\n");
    for (let number = 1; number <= 18; number += 1) write(line(number));
    const numbersIn = async (file: string) =>
      (await textOf(file)).split("\n").flatMap((one) => (/^\d/.test(one) ? [parseInt(one, 10)] : []));
    await expect.poll(() => numbersIn(path)).toEqual([17, 18]);
    const first16 = Array.from({ length: 16 }, (_, index) => index + 1);
    await expect.poll(() => numbersIn(`${path}.old`)).toEqual(first16);
  });
});
