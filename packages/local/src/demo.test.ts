import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "strongroom-demo-test-"));
});
afterEach(() => rm(home, { recursive: true }));

/** `npm run demo` with these arguments; where it would put its data, something is only when it was started. */
function demo(
  given: string[],
  npm: Record<string, string> = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const entry = join(import.meta.dirname, "demo.ts");
  const options = { env: { PATH: "/usr/bin:/bin", TMPDIR: home, ...npm }, timeout: 20_000 };
  return new Promise((told) =>
    execFile(process.execPath, [entry, ...given], options, (error, stdout, stderr) =>
      told({ code: error ? (error.code as number) : 0, stdout, stderr }),
    ),
  );
}

test("says how it is used, and refuses options that it does not have", async () => {
  const help = await demo(["--help"]);
  expect(help).toMatchObject({ code: 0, stdout: expect.stringContaining("npm run demo -- "), stderr: "" });
  expect(await demo(["--fast"])).toEqual({
    code: 1,
    stdout: "",
    stderr: `Not understood: --fast\n\n${help.stdout}`,
  });
  expect(await readdir(home)).toEqual([]);
});

test("starts nothing for a file that is not there", async () => {
  await writeFile(join(home, "photo.jpg"), "");
  for (const path of [join(home, "gone.jpg"), join(home, "photo.jpg", "page.jpg")])
    expect(await demo([path])).toEqual({
      code: 1,
      stdout: "",
      stderr: `There is no file or folder ${path}.\n`,
    });
  expect(await readdir(home)).toEqual(["photo.jpg"]);
});

test("under npm run, paths count from the directory that the person is in", async () => {
  const { stderr } = await demo(["gone.jpg"], { npm_lifecycle_event: "demo", INIT_CWD: home });
  expect(stderr).toBe(`There is no file or folder ${join(home, "gone.jpg")}.\n`);
  const other = await demo(["gone.jpg"], { INIT_CWD: home }); // whoever starts it otherwise is where he says
  expect(other.stderr).toBe(`There is no file or folder ${resolve("gone.jpg")}.\n`);
});
