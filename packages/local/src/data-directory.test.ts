import { chmod, mkdir, mkdtemp, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openDataDirectory } from "./data-directory.ts";

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "strongroom-data-"));
});
afterEach(() => rm(home, { recursive: true }));

test("makes the directory and all above it, for its user alone, also when two starts do so at once", async () => {
  const wanted = ["one/above/data", "one/above/other"].map((path) => join(home, path));
  const held = await Promise.all(wanted.map(openDataDirectory));
  expect(held.map(({ path }) => path)).toEqual(wanted);
  expect((await stat(join(home, "one"))).mode & 0o077).toBe(0);
  for (const { letGo } of held) await letGo();
});

test("takes a directory that is there, also by a link", async () => {
  await symlink(home, join(home, "link"));
  const held = await openDataDirectory(join(home, "link"));
  expect(held.path).toBe(home);
  await held.letGo();
});

test.for([
  ["that is used for something else, as it is", "letters.txt", 0o700],
  ["of ours to pass through", "secrets.json", 0o711],
] as const)("as root, leaves one %s", async ([, name, mode], context) => {
  if (process.getuid?.() !== 0) context.skip("only root hands its files on to another user");
  const path = join(home, "data");
  await mkdir(path);
  await chmod(path, 0o700);
  await writeFile(join(path, name), "");
  await (await openDataDirectory(path)).letGo();
  expect((await stat(path)).mode & 0o777).toBe(mode);
});

test.each([
  ["where the kernel makes none", () => "/proc/strongroom/data", "ENOENT|EACCES"],
  ["below a file", () => join(home, "file", "data"), "EEXIST"],
  ["behind a link to nothing", () => join(home, "nowhere"), "EEXIST"],
])("refuses one %s, and says so", async (_, wanted, code) => {
  await writeFile(join(home, "file"), "");
  await symlink(join(home, "nothing"), join(home, "nowhere"));
  await expect(openDataDirectory(wanted())).rejects.toMatchObject({
    code: "data_directory_unusable",
    message: expect.stringMatching(
      new RegExp(`^The data directory ${wanted()} cannot be used \\((?:${code})\\)\\. Choose another `),
    ),
  });
});
