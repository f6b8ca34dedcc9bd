import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { chmod, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { getPriority, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as after } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import sharp from "sharp";
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import type { Renderer } from "@strongroom/core/document/rendering";
import { createRenderer, type PooledRenderer, type RendererOptions } from "./pool.ts";

let folder: string;
let photo: string;
let parrot: string;
const open: Renderer[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "strongroom-pool-"));
  await chmod(folder, 0o755);
  photo = await file(
    "photo.jpg",
    await sharp({ create: { width: 64, height: 48, channels: 3, background: "#845" } })
      .jpeg()
      .toBuffer(),
  );
  const frames = JSON.stringify(pathToFileURL(join(import.meta.dirname, "frames.ts")).href);
  // Tells who it is and what it was asked; a file of 7 bytes keeps it busy for ever, one of 8 it calls broken, one of 6 puts
  // it to sleep, one of 5 keeps it busy for a second and has a long answer.
  parrot = await file(
    "parrot.mjs",
    `
    import { getPriority } from "node:os";
    import { readFrameSync, writeFrameSync } from ${frames};
    writeFrameSync(3, { header: { kind: "ready" }, blobs: [] });
    for (let job = readFrameSync(3); job !== null; job = readFrameSync(3)) {
      const { mediaType, allowance } = job.header;
      const size = job.blobs[0].length;
      const sinceMs = performance.now();
      while (size === 7 || (size === 5 && performance.now() < sinceMs + 1_000));
      if (size === 6) await new Promise(() => setInterval(() => {}, 1_000));
      const image = (blob) => ({ blob, width: 1, height: 1 });
      const pages = [{ rendition: image(0), thumbnail: image(1), legibility: [] }];
      const rendered = { outcome: "rendered", mediaType, pageCount: 1, pages, text: null, captureFacts: { pid: process.pid, niceness: getPriority(), allowance } };
      const broken = { outcome: "no_preview", mediaType, reason: "broken", pageCount: process.pid };
      const jpeg = Buffer.concat([Buffer.from([255, 216, 255]), Buffer.alloc(size === 5 ? 20_000_000 : 0)]);
      writeFrameSync(3, { header: size === 8 ? broken : size === 9 ? { outcome: "fault", message: "ours" } : rendered, blobs: [jpeg, jpeg] });
    }`,
  );
});
afterEach(() => Promise.all(open.splice(0).map((renderer) => renderer.close())));
afterAll(() => rm(folder, { recursive: true }));

async function file(name: string, bytes: string | Uint8Array): Promise<string> {
  await writeFile(join(folder, name), bytes);
  return join(folder, name);
}

/** A file that says it is a JPEG and is `size` bytes long. */
const jpegOf = (size: number) =>
  file(`${size}.jpg`, Buffer.concat([Buffer.from([0xff, 0xd8, 0xff]), Buffer.alloc(size - 3)]));

async function rendererOf(options: Partial<RendererOptions> = {}): Promise<PooledRenderer> {
  const renderer = await createRenderer({ concurrency: 1, scratch: folder, ...options });
  open.push(renderer);
  return renderer;
}

/** Which child answered, and what it was told. */
async function heard(renderer: Renderer, path: string, tight = false) {
  const rendering = await renderer.render(path, { tight });
  if (rendering.outcome === "no_preview")
    return { pid: rendering.pageCount!, niceness: null, allowance: null };
  if (rendering.outcome !== "rendered") throw new Error(rendering.outcome);
  return rendering.captureFacts as {
    pid: number;
    niceness: number;
    allowance: { previewPages: number; softDeadlineMs: number };
  };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Children of others send no event; the test's own timeout is the deadline. */
async function gone(pid: number): Promise<void> {
  while (isAlive(pid)) await after(10);
}

/** Waits until a child burns time: it has taken its job. */
async function atWork(pid: number): Promise<void> {
  const spent = () =>
    Number(
      readFileSync(`/proc/${pid}/stat`, "utf8")
        .replace(/^.*\) /s, "")
        .split(" ")[11],
    );
  const before = spent();
  while (spent() < before + 3) await after(10);
}

function childrenOf(pid: number): number[] {
  const stat = (entry: string) => {
    try {
      return readFileSync(`/proc/${entry}/stat`, "utf8")
        .replace(/^.*\) /s, "")
        .split(" ");
    } catch {
      return [];
    }
  };
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry) && stat(entry)[1] === String(pid))
    .map(Number);
}

describe("the renderer", () => {
  test("renders a photo", async () => {
    const renderer = await rendererOf();
    const rendering = await renderer.render(photo, { tight: false });
    expect(rendering).toMatchObject({
      outcome: "rendered",
      mediaType: "image/jpeg",
      pageCount: 1,
      text: null,
    });
  });

  test("says what an unsupported file seems to be, whatever its name", async () => {
    const renderer = await rendererOf();
    const path = await file("photo-of-nothing.jpg", "<!doctype html><title>502</title>");
    expect(await renderer.render(path, { tight: false })).toEqual({
      outcome: "unsupported",
      detected: "a web page",
    });
  });

  test("throws when there is no file, since that is a fault of ours; a decoder that throws is the file's", async () => {
    const renderer = await rendererOf({ childEntry: parrot });
    await expect(renderer.render(join(folder, "absent"), { tight: false })).rejects.toThrow("ENOENT");
    await expect(renderer.render(await jpegOf(9), { tight: false })).resolves.toMatchObject({
      outcome: "crashed",
      cause: "killed",
    });
    expect(await heard(renderer, photo)).toHaveProperty("pid");
  });

  test("hands the time and pages it allows to the child, half the time to a tight one", async () => {
    const renderer = await rendererOf({ childEntry: parrot, deadlineMs: 10_000, previewPages: 7 });
    const [usual, tight] = [await heard(renderer, photo), await heard(renderer, photo, true)];
    expect(usual.allowance).toEqual({ previewPages: 7, softDeadlineMs: 6_000 });
    expect(tight.allowance).toEqual({ previewPages: 7, softDeadlineMs: 3_000 });
  });
});

describe("a child", () => {
  test("is kept warm for the next job, and replaced after its number of jobs", async () => {
    const renderer = await rendererOf({ childEntry: parrot, jobsPerChild: 2 });
    const pids = [];
    for (let job = 0; job < 4; job += 1) pids.push((await heard(renderer, photo)).pid);
    expect(pids[0]).toBe(pids[1]);
    expect(pids[1]).not.toBe(pids[2]);
    expect(pids[2]).toBe(pids[3]);
    await gone(pids[0]!);
  });

  test("is replaced after a file that it could not render", async () => {
    const renderer = await rendererOf({ childEntry: parrot });
    const refused = await heard(renderer, await jpegOf(8));
    expect((await heard(renderer, photo)).pid).not.toBe(refused.pid);
    await gone(refused.pid);
  });

  test("is fresh for a tight job and gone after it, while the warm one waits", async () => {
    const renderer = await rendererOf({ childEntry: parrot });
    const warm = await heard(renderer, photo);
    const tight = await heard(renderer, photo, true);
    expect(tight.pid).not.toBe(warm.pid);
    expect(isAlive(tight.pid)).toBe(false);
    expect((await heard(renderer, photo)).pid).toBe(warm.pid);
  });

  test("that dies in idleness is replaced before anybody notices", async () => {
    const renderer = await rendererOf({ childEntry: parrot });
    const { pid } = await heard(renderer, photo);
    process.kill(pid, "SIGKILL");
    await gone(pid);
    expect((await heard(renderer, photo)).pid).not.toBe(pid);
  });

  test("that cannot even start is a fault of ours, and leaves nothing behind", async () => {
    const before = await readdir(folder);
    await expect(rendererOf({ childEntry: join(folder, "absent.mjs") })).rejects.toThrow("did not start");
    expect(await readdir(folder)).toEqual(before);
  });

  test("ends when its parent is killed, even in the middle of an endless job", async () => {
    const busy = await jpegOf(7);
    const script = `
      import { createRenderer } from ${JSON.stringify(pathToFileURL(join(import.meta.dirname, "pool.ts")).href)};
      const renderer = await createRenderer({ concurrency: 2, scratch: ${JSON.stringify(folder)}, childEntry: ${JSON.stringify(parrot)}, deadlineMs: 600_000 });
      void renderer.render(${JSON.stringify(busy)}, { tight: false });
      await renderer.render(${JSON.stringify(photo)}, { tight: false });
      process.stdout.write("ready");`;
    const parent = spawn(process.execPath, [await file("parent.mjs", script)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(parent.stdout, "data");
    const children = childrenOf(parent.pid!);
    expect(children.length).toBeGreaterThanOrEqual(2);
    parent.kill("SIGKILL");
    await Promise.all(children.map(gone));
  });
});

describe("a job", () => {
  test("waits for its turn when all children are at work", async () => {
    const renderer = await rendererOf({ childEntry: parrot, concurrency: 2 });
    const pids = await Promise.all(Array.from({ length: 9 }, async () => (await heard(renderer, photo)).pid));
    expect(new Set(pids).size).toBe(2);
  });

  test("that never ends holds one child, not the others", async () => {
    const renderer = await rendererOf({ childEntry: parrot, concurrency: 2, deadlineMs: 2_000 });
    const endless = renderer.render(await jpegOf(7), { tight: false });
    for (let job = 0; job < 5; job += 1) expect(await heard(renderer, photo)).toHaveProperty("pid");
    expect(await endless).toEqual({ outcome: "crashed", mediaType: "image/jpeg", cause: "timed_out" });
  });

  test("has the time in which its parent stood still, and its answer of meanwhile is heard", async () => {
    const script = `
      import { createRenderer } from ${JSON.stringify(pathToFileURL(join(import.meta.dirname, "pool.ts")).href)};
      const renderer = await createRenderer({ concurrency: 1, scratch: ${JSON.stringify(folder)}, childEntry: ${JSON.stringify(parrot)}, deadlineMs: 2_500 });
      const { captureFacts } = await renderer.render(${JSON.stringify(photo)}, { tight: false });
      const ending = renderer.render(${JSON.stringify(await jpegOf(5))}, { tight: false });
      console.log(captureFacts.pid);
      console.log((await ending).outcome);
      await renderer.close();`;
    const parent = spawn(process.execPath, [await file("frozen.mjs", script)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    onTestFinished(() => void parent.kill("SIGKILL"));
    const lines = createInterface(parent.stdout)[Symbol.asyncIterator]();
    await atWork(Number((await lines.next()).value));
    parent.kill("SIGSTOP");
    await after(4_000); // its pipe holds a part of the answer
    parent.kill("SIGCONT");
    expect((await lines.next()).value).toBe("rendered");
    await once(parent, "exit");
  });

  test("is given up at once when its caller stops it, running or waiting", async () => {
    const renderer = await rendererOf({ childEntry: parrot });
    const { pid } = await heard(renderer, photo);
    const stop = new AbortController();
    const busy = await jpegOf(7);
    const running = renderer.render(busy, { tight: false, signal: stop.signal });
    await atWork(pid);
    const waiting = renderer.render(busy, { tight: false, signal: stop.signal });
    const patient = heard(renderer, photo);
    stop.abort(new Error("lease lost"));
    const lost = { status: "rejected", reason: new Error("lease lost") };
    expect(await Promise.allSettled([running, waiting])).toEqual([lost, lost]);
    expect((await patient).pid).not.toBe(pid);
    expect(isAlive(pid)).toBe(false);
  });

  test("is rejected, not blamed on its file, when the renderer closes; no child and no file stays", async () => {
    const before = await readdir(folder);
    const renderer = await rendererOf({ childEntry: parrot, concurrency: 2 });
    const { pid } = await heard(renderer, photo);
    const busy = await jpegOf(7);
    const ends = Promise.allSettled([1, 2, 3].map(() => renderer.render(busy, { tight: false })));
    await atWork(pid);
    const children = childrenOf(process.pid);
    expect(children).toContain(pid);
    await renderer.close();
    expect((await ends).map((end) => end.status === "rejected" && (end.reason as Error).message)).toEqual(
      Array(3).fill("the renderer is closed"),
    );
    expect(children.filter(isAlive)).toEqual([]);
    expect(await readdir(folder)).toEqual([...new Set([...before, "7.jpg"])].sort());
    await expect(renderer.render(photo, { tight: false })).rejects.toThrow("closed");
  });
});

describe("a job that takes long", () => {
  const impatient = { patience: { cpuMs: 30, wallMs: 60_000 } };
  const timedOut = { outcome: "crashed", mediaType: "image/jpeg", cause: "timed_out" };

  test("steps aside behind the others, the next one is served at once, and the deadline still stands", async () => {
    const renderer = await rendererOf({ ...impatient, childEntry: parrot, deadlineMs: 6_000 });
    const { pid } = await heard(renderer, photo);
    let isOver = false;
    const endless = renderer.render(await jpegOf(7), { tight: false }).finally(() => (isOver = true));
    await atWork(pid);
    const next = await heard(renderer, photo);
    expect(isOver).toBe(false);
    expect(next.pid).not.toBe(pid);
    expect(getPriority(pid)).toBeGreaterThan(getPriority(next.pid));
    expect(await endless).toEqual(timedOut);
    expect(isAlive(pid)).toBe(false);
    expect((await heard(renderer, photo)).pid).toBe(next.pid);
  });

  test("steps aside even if its child only sleeps", async () => {
    const patience = { cpuMs: 60_000, wallMs: 50 };
    const renderer = await rendererOf({ childEntry: parrot, patience, deadlineMs: 6_000 });
    let isOver = false;
    const asleep = renderer.render(await jpegOf(6), { tight: false }).finally(() => (isOver = true));
    expect(await heard(renderer, photo)).toHaveProperty("pid");
    expect(isOver).toBe(false);
    expect(await asleep).toEqual(timedOut);
  });

  test("and is tried again is aside from the start, behind the others, and its slot has its warm child", async () => {
    const patience = { cpuMs: 60_000, wallMs: 60_000 };
    const renderer = await rendererOf({ childEntry: parrot, patience, deadlineMs: 8_000 });
    const { pid } = await heard(renderer, photo);
    const again = await heard(renderer, photo, true);
    let isOver = false;
    const tight = renderer.render(await jpegOf(7), { tight: true }).finally(() => (isOver = true));
    await vi.waitFor(() => expect(renderer.aside).toBe(1));
    expect((await heard(renderer, photo)).pid).toBe(pid);
    expect(isOver).toBe(false);
    expect(again.niceness).toBeGreaterThan(getPriority(pid));
    expect(await tight).toEqual(timedOut);
  });

  test("keeps its slot while all places aside are taken", async () => {
    const renderer = await rendererOf({ ...impatient, childEntry: parrot, deadlineMs: 3_000 });
    const ends: string[] = [];
    const busy = await jpegOf(7);
    const bomb = (name: string) => renderer.render(busy, { tight: false }).finally(() => ends.push(name));
    const { pid: first } = await heard(renderer, photo);
    const bombs = [bomb("first")];
    await atWork(first);
    const { pid } = await heard(renderer, photo); // served, so the first one is aside
    bombs.push(bomb("second"));
    await atWork(pid);
    const honest = heard(renderer, photo).then(() => ends.push("honest"));
    await Promise.all([...bombs, honest]);
    expect(ends[0]).not.toBe("honest"); // which of the two ends first is chance
    expect(await Promise.all(bombs)).toEqual([timedOut, timedOut]);
  });

  test("is given up at once when its caller stops it, and leaves its place to another", async () => {
    const renderer = await rendererOf({ ...impatient, childEntry: parrot, deadlineMs: 60_000 });
    const busy = await jpegOf(7);
    for (let round = 0; round < 2; round += 1) {
      const { pid } = await heard(renderer, photo);
      const stop = new AbortController();
      const long = renderer.render(busy, { tight: false, signal: stop.signal });
      await atWork(pid);
      expect((await heard(renderer, photo)).pid).not.toBe(pid);
      stop.abort(new Error("lease lost"));
      await expect(long).rejects.toThrow("lease lost");
      expect(isAlive(pid)).toBe(false);
    }
  });

  test("ends with the renderer, though it is aside", async () => {
    const renderer = await rendererOf({ ...impatient, childEntry: parrot, deadlineMs: 60_000 });
    const { pid } = await heard(renderer, photo);
    const long = renderer.render(await jpegOf(7), { tight: false });
    const ended = Promise.allSettled([long]);
    await atWork(pid);
    await heard(renderer, photo);
    const children = childrenOf(process.pid);
    expect(children).toContain(pid);
    await renderer.close();
    expect(await ended).toEqual([{ status: "rejected", reason: new Error("the renderer is closed") }]);
    expect(children.filter(isAlive)).toEqual([]);
  });
});
