import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { makeHome } from "./stand-in-terminal.ts";

let home: Awaited<ReturnType<typeof makeHome>>;
beforeEach(async () => {
  home = await makeHome();
  await mkdir(join(home.path, "here"));
  await home.file("keys.json", '{"keys":[]}');
  await home.file("here/photo.jpg", "a page");
});
afterEach(() => home.remove());

/** The command as a process of its own, started in `home`. */
const start = (argv: string[], env: Record<string, string>) =>
  new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const options = { cwd: home.path, env: { PATH: process.env["PATH"], HOME: home.path, ...env } };
    execFile(
      process.execPath,
      [join(import.meta.dirname, "main.ts"), ...argv],
      options,
      (error, stdout, stderr) => resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    );
  });

test("under npm run, paths count from the directory that the person is in", async () => {
  const env = { npm_lifecycle_event: "strongroom", INIT_CWD: join(home.path, "here") };
  expect(await start(["verify", "photo.jpg", "--keys", "../keys.json"], env)).toMatchObject({
    code: 1,
    stdout: expect.stringContaining("not a signed receipt"),
  });
});

test("without npm, and in the script of another package, they count from the working directory", async () => {
  for (const npm_lifecycle_event of [undefined, "nightly"]) {
    const env = { INIT_CWD: join(home.path, "here"), ...(npm_lifecycle_event && { npm_lifecycle_event }) };
    expect(await start(["verify", "photo.jpg", "--keys", "keys.json"], env)).toMatchObject({
      code: 2,
      stderr: "photo.jpg cannot be read.\n",
    });
  }
});
