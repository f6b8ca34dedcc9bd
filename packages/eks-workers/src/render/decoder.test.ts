import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Decoder } from "./decoder.ts";
import type { Command } from "./isolation.ts";

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
