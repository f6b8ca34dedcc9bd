import { existsSync } from "node:fs";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, type TestContext, test, vi } from "vitest";
import { Decoder } from "./decoder.ts";
import type { Command } from "./isolation.ts";
import { niceness } from "./share.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "strongroom-decoder-"));
  await chmod(folder, 0o755);
});
afterAll(() => rm(folder, { recursive: true }));

/** A child without any walls, so that it can do what the walls would forbid. */
async function bare(deed: string): Promise<Command> {
  const entry = join(folder, `${crypto.randomUUID()}.mjs`);
  const frames = JSON.stringify(pathToFileURL(join(import.meta.dirname, "frames.ts")).href);
  await writeFile(
    entry,
    `
    import { spawn } from "node:child_process";
    import { readFrameSync, writeFrameSync } from ${frames};
    ${deed}`,
  );
  return {
    file: process.execPath,
    args: [entry],
    options: { stdio: ["ignore", "ignore", "pipe", "pipe"], env: {}, detached: true },
  };
}

const allowance = { previewPages: 1, softDeadlineMs: 1 };
const work = {
  job: { mediaType: "image/png" as const, allowance },
  size: 3,
  feed: [Buffer.from("abc")],
  deadlineMs: 10_000,
  maxAnswerBytes: 100,
};
const ready = `writeFrameSync(3, { header: { kind: "ready" }, blobs: [] }); const job = readFrameSync(3);`;

async function gone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await after(10);
  }
}

/** Reads the weight of its own session until it is `nice`. */
const untilWeighed = (nice: number) =>
  `while (!readFileSync("/proc/self/autogroup", "latin1").endsWith("nice ${nice}\\n"));`;
const skipUnweighed = ({ skip }: TestContext) =>
  skip(!existsSync("/proc/self/autogroup"), "this kernel does not weigh sessions (sched_autogroup)");

describe("a spare decode child stands behind those at work", () => {
  test("until it is needed", async (context) => {
    skipUnweighed(context);
    const marker = join(folder, "behind");
    const needed = Promise.withResolvers<void>();
    const deed = `import { readFileSync, writeFileSync } from "node:fs"; ${untilWeighed(niceness.aside)} writeFileSync("${marker}", ""); ${untilWeighed(niceness.decoding)} ${ready}`;
    const starting = Decoder.start(await bare(deed), { needed: needed.promise });
    await vi.waitFor(() => expect(existsSync(marker)).toBe(true), { timeout: 8_000 });
    needed.resolve();
    await (await starting).kill();
  });

  test("until it is ready, needed or not", async (context) => {
    skipUnweighed(context);
    const weight = `readFileSync("/proc/self/autogroup", "latin1").trim()`;
    const deed = `import { readFileSync } from "node:fs"; ${untilWeighed(niceness.aside)} ${ready} writeFrameSync(3, { header: { weight: ${weight} }, blobs: [] }); readFrameSync(3);`;
    const decoder = await Decoder.start(await bare(deed), { needed: new Promise(() => {}) });
    const answer = await decoder.run({ ...work, signal: new AbortController().signal });
    expect(answer).toMatchObject({
      frame: { header: { weight: expect.stringMatching(`nice ${niceness.decoding}$`) } },
    });
    await decoder.kill();
  });
});

describe("a decode child on its leash", () => {
  test("does its job with the bytes that it is given", async () => {
    const decoder = await Decoder.start(
      await bare(
        `${ready} writeFrameSync(3, { header: { got: job.blobs[0].toString() }, blobs: [] }); readFrameSync(3);`,
      ),
    );
    expect(await decoder.run({ ...work, signal: new AbortController().signal })).toMatchObject({
      frame: { header: { got: "abc" } },
    });
    await decoder.kill();
  });

  test.each([
    ["is killed", "readFrameSync(3);"],
    ["exits by itself", "process.exit(0);"],
  ])("takes all that it started with it when it %s", async (_, end) => {
    const fork = `const forked = spawn(process.execPath, ["-e", "setInterval(() => {}, 1e6)"], { stdio: "inherit" });`;
    const decoder = await Decoder.start(
      await bare(`${ready} ${fork} writeFrameSync(3, { header: { pid: forked.pid }, blobs: [] }); ${end}`),
    );
    const answer = await decoder.run({ ...work, signal: new AbortController().signal });
    const { pid } = "frame" in answer ? (answer.frame.header as { pid: number }) : { pid: 0 };
    expect(pid).toBeGreaterThan(0);
    if (end.startsWith("read")) await decoder.kill();
    await decoder.exited;
    await gone(pid);
  });

  test("is ended when it speaks without being asked", async () => {
    const decoder = await Decoder.start(
      await bare(
        `${ready.split(";")[0]}; setTimeout(() => writeFrameSync(3, { header: {}, blobs: [] }), 50); setInterval(() => {}, 1e6);`,
      ),
    );
    expect(await decoder.exited).toEqual({ crashed: "killed" });
  });

  test("takes a failing source for a fault of ours, and is ended", async () => {
    const decoder = await Decoder.start(await bare(`${ready} setInterval(() => {}, 1e6);`));
    const feed = (async function* () {
      yield Buffer.from("a");
      throw new Error("disk gone");
    })();
    await expect(decoder.run({ ...work, feed, signal: new AbortController().signal })).rejects.toThrow(
      "disk gone",
    );
    expect(await decoder.exited).toHaveProperty("crashed");
  });

  test("says why it did not start", async () => {
    await expect(Decoder.start(await bare(`throw new Error("no libvips here");`))).rejects.toThrow(
      "no libvips here",
    );
    const nothing = { file: join(folder, "absent"), args: [], options: (await bare("")).options };
    await expect(Decoder.start(nothing)).rejects.toThrow("did not start");
  });
});
