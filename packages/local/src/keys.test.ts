import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createEmbeddedKeys } from "@strongroom/core/embedded/keys";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openDataDirectory } from "./data-directory.ts";

let data: string;
beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), "strongroom-keys-"));
});
afterEach(() => rm(data, { recursive: true }));

const open = () => createEmbeddedKeys({ directory: join(data, "keys") });
const context = { tenant: "t", document: "d", attempt: "1" };

/** `npm run keys` on the data directory, with these arguments. */
function keys(...given: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const entry = join(import.meta.dirname, "keys.ts");
  const options = { env: { PATH: "/usr/bin:/bin", STRONGROOM_DATA: data } };
  return new Promise((told) =>
    execFile(process.execPath, [entry, ...given], options, (error, stdout, stderr) =>
      told({ code: error ? (error.code as number) : 0, stdout, stderr }),
    ),
  );
}

test("a new root key wraps what comes, and the old one goes on opening what was", async () => {
  const before = await (await open()).generateDataKey(context);
  const { code, stdout } = await keys("--new", "root");
  expect(code).toBe(0);
  const after = await (await open()).generateDataKey(context);
  expect(stdout).toContain(`root     ${after.rootKeyId.padEnd(44)} wraps and opens, made `);
  expect(stdout).toContain(`root     ${before.rootKeyId.padEnd(44)} opens, made `);
  expect(stdout).toContain("Used from the next start on.");
  const opened = await (await open()).openDataKey(before.wrapped, context);
  expect(Buffer.from(opened).equals(before.plaintext)).toBe(true);
});

test("a new receipt key signs, and the old one's public half stays", async () => {
  const { kid } = await (await open()).sign(new Uint8Array(1));
  const { code, stdout } = await keys("--new", "receipt");
  expect(code).toBe(0);
  const now = await open();
  const signed = await now.sign(new Uint8Array(1));
  expect((await now.publicKeys()).map((key) => key.kid)).toEqual([signed.kid, kid]);
  expect(stdout).toContain(`receipt  ${signed.kid.padEnd(44)} signs and verifies\n`);
  expect(stdout).toContain(`receipt  ${kid.padEnd(44)} verifies\n`);
});

test("a new receipt key takes the place of one that was lost, of which nothing is left to verify with", async () => {
  await open();
  await rm(join(data, "keys", "receipt.key"));
  const { code, stdout } = await keys("--new", "receipt");
  const { kid } = await (await open()).sign(new Uint8Array(1));
  expect(code).toBe(0);
  expect(stdout.match(/^receipt .*/gm)).toEqual([`receipt  ${kid.padEnd(44)} signs and verifies`]);
});

test("shows what is there, makes nothing, and tells no secret", async () => {
  const { rootKeyId } = await (await open()).generateDataKey(context);
  const files = await readdir(join(data, "keys"));
  const { code, stdout, stderr } = await keys();
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout.split("\n").map((line) => line.split(" ")[0])).toEqual(["root", "receipt", ""]);
  expect(stdout).toContain(rootKeyId);
  expect(await readdir(join(data, "keys"))).toEqual(files);
});

test("refuses while something runs on the directory, and changes nothing", async () => {
  await open();
  const files = await readdir(join(data, "keys"));
  const held = await openDataDirectory(data);
  try {
    const { code, stdout, stderr } = await keys("--new", "root");
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain(data);
  } finally {
    await held.letGo();
  }
  expect(await readdir(join(data, "keys"))).toEqual(files);
});

test("refuses a directory without keys, and makes none there", async () => {
  const { code, stderr } = await keys("--new", "root");
  expect(code).toBe(1);
  expect(stderr).toMatch(/^There are no keys in \S+\. npm start makes them/);
  expect(await readdir(data)).toEqual([]);
});

test.each([["--new"], ["--new", "master"], ["--old"], ["root"], ["--new", "toString"]])(
  "says how it is used when asked for what is not there: %s %s",
  async (...given) => {
    await open();
    const files = await readdir(join(data, "keys"));
    const { code, stderr } = await keys(...given.filter(Boolean));
    expect([code, stderr]).toEqual([1, expect.stringContaining("npm run -s keys -- --new receipt")]);
    expect(await readdir(join(data, "keys"))).toEqual(files);
  },
);
