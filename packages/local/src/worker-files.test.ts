import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openScratch } from "./worker-files.ts";

let root: string;
beforeEach(async () => void (root = await mkdtemp(join(tmpdir(), "strongroom-scratch-"))));
afterEach(() => rm(root, { recursive: true, force: true, maxRetries: 3 }));

/** A worker whose parent was killed a moment ago: it still writes what it has in hand, and then goes. */
const orphan = `
  const { mkdirSync, writeFileSync } = require("node:fs");
  process.send("writing");
  const end = performance.now() + 300;
  for (let page = 0; performance.now() < end; page++) {
    mkdirSync(process.argv[1], { recursive: true });
    try { writeFileSync(process.argv[1] + "/" + page, ""); } catch {}
  }`;

test("temporary files are emptied at a start, though a worker of the start before is still writing some", async () => {
  const scratch = join(root, "scratch");
  await mkdir(scratch);
  const writing = spawn(process.execPath, ["-e", orphan, join(scratch, "orphan")], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const gone = once(writing, "exit");
  await once(writing, "message");
  const { make } = await openScratch(scratch);
  await gone;
  const own = await make();
  expect(await readdir(own)).toEqual([]);
});
