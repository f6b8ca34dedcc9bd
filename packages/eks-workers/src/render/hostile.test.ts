import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test, type TestContext } from "vitest";
import type { Renderer } from "@strongroom/core/document/rendering";
import { findCage, type Layer } from "./isolation.ts";
import { createRenderer } from "./pool.ts";

let folder: string;
let photo: string;
let walls: readonly Layer[];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "strongroom-hostile-"));
  await chmod(folder, 0o755); // children read their script as nobody
  photo = join(folder, "photo.png");
  await writeFile(
    photo,
    await sharp({ create: { width: 9, height: 9, channels: 3, background: "#fff" } })
      .png()
      .toBuffer(),
  );
  walls = (await findCage(folder)).layers;
});
afterAll(() => rm(folder, { recursive: true }));

const frames = JSON.stringify(pathToFileURL(join(import.meta.dirname, "frames.ts")).href);

/** A child that was taken over: it says that it is ready, takes its job, and does `deed` in place of decoding. */
async function takenOver(deed: string, deadlineMs: number): Promise<Renderer> {
  const childEntry = join(folder, `${crypto.randomUUID()}.mjs`);
  const script = `
    import fs from "node:fs";
    import net from "node:net";
    import { readFrameSync, writeFrameSync } from ${frames};
    const answer = (header) => writeFrameSync(3, { header, blobs: [] });
    /** Smuggles a number out: the only way that is open. */
    const tell = (pageCount) => answer({ outcome: "no_preview", mediaType: "image/png", reason: "broken", pageCount });
    const attempt = (act) => { try { act(); return 1; } catch { return 0; } };
    answer({ kind: "ready" });
    for (let job = readFrameSync(3); job !== null; job = readFrameSync(3)) { ${deed} }`;
  await writeFile(childEntry, script);
  return createRenderer({
    concurrency: 1,
    deadlineMs,
    memoryBytes: 256 * 1024 * 1024,
    scratch: folder,
    childEntry,
  });
}

/** Twice, since the child after a killed one has to be as good as the first. */
async function twice(deed: string, deadlineMs = 20_000) {
  const renderer = await takenOver(deed, deadlineMs);
  try {
    const first = await renderer.render(photo, { tight: false });
    expect(await renderer.render(photo, { tight: false })).toEqual(first);
    expect(await renderer.render(photo, { tight: true })).toEqual(first);
    return first;
  } finally {
    await renderer.close();
  }
}

describe("a child that was taken over", () => {
  test.each([
    ["loops", "for (;;);", "timed_out"],
    ["never answers", "await new Promise(() => setInterval(() => {}, 1_000));", "timed_out"],
    ["hoards pixels", "const hoard = []; for (;;) hoard.push(Buffer.alloc(30_000_000, 1));", "out_of_memory"],
    [
      "hoards objects",
      "const hoard = []; for (;;) hoard.push(new Array(100_000).fill(1.5));",
      "out_of_memory",
    ],
    ["exits", "process.exit(1);", "killed"],
    ["exits as if all were well", "process.exit(0);", "killed"],
    ["aborts", "process.abort();", "killed"],
    ["throws", "throw new Error('no');", "killed"],
    [
      "answers garbage",
      "fs.writeSync(3, Buffer.alloc(5_000, 7)); await new Promise(() => setInterval(() => {}, 1_000));",
      "killed",
    ],
    [
      "answers for another type",
      "answer({ outcome: 'no_preview', mediaType: 'image/webp', reason: 'broken', pageCount: 1 });",
      "killed",
    ],
    [
      "floods its parent",
      "const flood = Buffer.alloc(1_000_000, 255); for (;;) fs.writeSync(3, flood);",
      "killed",
    ],
    [
      "promises more than it may send",
      "writeFrameSync(3, { header: {}, blobs: [Buffer.alloc(101 * 1024 * 1024)] });",
      "killed",
    ],
  ])("is ended when it %s", async (_, script, cause) => {
    const end = await twice(script, cause === "timed_out" ? 400 : 20_000);
    expect(end).toEqual({ outcome: "crashed", mediaType: "image/png", cause });
  });

  test("is ended, at the latest before the next job, when it answers twice", async () => {
    const renderer = await takenOver("tell(1); tell(2);", 20_000);
    for (let round = 0; round < 5; round += 1) {
      // Both in one piece are refused; of two pieces the first is taken, and the child of a refusal is replaced.
      expect(["no_preview", "crashed"]).toContain((await renderer.render(photo, { tight: false })).outcome);
    }
    await renderer.close();
  });

  test("costs its parent no memory worth naming when it floods", async () => {
    const before = process.memoryUsage().rss;
    await twice("const flood = Buffer.alloc(1_000_000, 255); for (;;) fs.writeSync(3, flood);");
    expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1024 * 1024);
  });
});

describe("from inside, a child that was taken over", () => {
  const needs = (layer: Layer, context: TestContext) => {
    if (!walls.includes(layer)) context.skip(`no "${layer}" wall on this machine`);
  };
  const told = (pageCount: number) => ({
    outcome: "no_preview",
    mediaType: "image/png",
    reason: "broken",
    pageCount,
  });

  test("finds no environment but three settings of its own", async () => {
    const names = `["MALLOC_ARENA_MAX", "NODE_COMPILE_CACHE", "UV_THREADPOOL_SIZE"]`;
    expect(
      await twice(`tell(Object.keys(process.env).filter((name) => !${names}.includes(name)).length);`),
    ).toEqual(told(0));
  });

  test("reaches nobody over the network, not even this machine", async (context) => {
    needs("network", context);
    let visitors = 0;
    const listener: Server = createServer((socket) => (visitors++, socket.destroy()));
    await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
    const { port } = listener.address() as { port: number };
    const deed = `const socket = net.connect(${port}, "127.0.0.1");
      tell(await new Promise((done) => socket.once("connect", () => done(1)).once("error", () => done(0))));`;
    expect(await twice(deed)).toEqual(told(0));
    listener.close();
    expect(visitors).toBe(0);
  });

  test.for([
    ["a file that all may read", `fs.readFileSync("/etc/passwd")`],
    ["the environment of its parent", `fs.readFileSync("/proc/" + process.ppid + "/environ")`],
    ["the folder that it stands in", `fs.readdirSync(".")`],
    ["the folders of the machine", `fs.readdirSync("/etc")`],
  ])("cannot read %s", async ([, act], context) => {
    needs("permission", context);
    expect(await twice(`tell(attempt(() => ${act}));`)).toEqual(told(0));
  });

  test("cannot write a file, not even where it stands", async (context) => {
    needs("permission", context);
    expect(
      await twice(
        `tell(attempt(() => fs.writeFileSync("x", "y")) + attempt(() => fs.writeFileSync("/tmp/x", "y")));`,
      ),
    ).toEqual(told(0));
  });

  test("cannot write where the code of those after it lies", async (context) => {
    needs("user", context);
    const below = "process.env.NODE_COMPILE_CACHE";
    const deed = `const written = attempt(() => fs.writeFileSync(${below} + "/x", "y"));
      const code = fs.readdirSync(${below}, { recursive: true }).filter((name) => name.includes("/"));
      const spoilt = code.map((name) => attempt(() => fs.truncateSync(${below} + "/" + name)) + attempt(() => fs.rmSync(${below} + "/" + name)));
      tell(code.length > 20 ? spoilt.reduce((sum, one) => sum + one, written) : 99);`;
    expect(await twice(deed)).toEqual(told(0));
  });

  test("cannot start a program or a thread", async (context) => {
    needs("permission", context);
    const deed = `
      const { spawn } = await import("node:child_process");
      const { Worker } = await import("node:worker_threads");
      tell(attempt(() => spawn("/bin/true")) + attempt(() => new Worker("1", { eval: true })));`;
    expect(await twice(deed)).toEqual(told(0));
  });

  // In a user namespace without a mapping every number is shown as 65534; isolation.test.ts has the real one.
  test("is nobody, when its parent is root", async (context) => {
    needs("user", context);
    expect(
      await twice(
        "tell(process.getuid() === 65534 && process.getgroups().every((id) => id === 65534) ? 0 : 1);",
      ),
    ).toEqual(told(0));
  });
});
