import { access, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@strongroom/core/clock";
import { type Log, silentLog } from "@strongroom/core/log";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { processesOf } from "./test-processes.ts";
import { restMs, startWorkers, type WorkerKind, type Workers } from "./workers.ts";

let directory: string;
let workers: Workers | null;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "strongroom-workers-"));
  workers = null;
});
afterEach(async () => {
  await workers?.stop();
  await rm(directory, { recursive: true });
});

/** A worker that leaves a page in its temporary files, says that it is ready, and goes when it is told or left alone. */
const honest = `
  require("node:fs").writeFileSync(process.env.TMPDIR + "/page", process.argv[2]);
  process.on("SIGTERM", () => process.exit(0));
  process.on("disconnect", () => process.exit(0));
  process.send({ ready: true });`;

async function start(program: string, log: Log = silentLog, logRoundMs = 60_000): Promise<Workers> {
  const entry = join(directory, "worker.cjs");
  await writeFile(entry, program);
  const files = { logFile: join(directory, "workers.log"), scratchDirectory: join(directory, "scratch") };
  workers = await startWorkers({
    environment: { STRONGROOM_DATA: directory },
    ...files,
    log,
    entry,
    logRoundMs,
  });
  return workers;
}

async function untilAnother({ pid }: Workers, kind: WorkerKind, before: number): Promise<number> {
  for (;;) {
    const now = pid(kind);
    if (now !== null && now !== before) return now;
    await systemClock.sleep(10);
  }
}

describe("workers", () => {
  test("run each as a process of its own, and all are gone after stop", async () => {
    const { pid, stop } = await start(honest);
    const pids = new Set([pid("processor"), pid("relay"), pid("notifier")]);
    expect(pids.size).toBe(3);
    expect(await processesOf(directory)).toHaveLength(3);
    await stop();
    expect(await processesOf(directory)).toEqual([]);
    expect(await readdir(join(directory, "scratch"))).toEqual([]);
  });

  test("are started anew when they are killed, and what they had open in temporary files is removed", async () => {
    const running = await start(honest);
    const before = running.pid("processor")!;
    const [own] = await scratchOf(before);
    expect(await readFile(`${own}/page`, "utf8")).toBe("processor");
    process.kill(before, "SIGKILL");
    const after = await untilAnother(running, "processor", before);
    expect(process.kill(after, 0)).toBe(true);
    await expect(access(own!)).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("do not find what those of an earlier, killed parent had left open", async () => {
    const { pid, stop } = await start(honest);
    const [own] = await scratchOf(pid("relay")!);
    await stop();
    const stray = join(directory, "scratch", "stray");
    await writeFile(stray, "a page");
    await start(honest);
    await expect(access(stray)).rejects.toMatchObject({ code: "ENOENT" });
    expect(await readdir(join(directory, "scratch"))).toHaveLength(3);
    await expect(access(own!)).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("that die at once, again and again, end the start with a sentence that names the log, and take the others along", async () => {
    const deaths: unknown[] = [];
    const log: Log = { ...silentLog, warn: (event, fields) => void deaths.push({ event, ...fields }) };
    const dying = `if (process.argv[2] === "relay") { console.error("no such table"); process.exit(3); }${honest}`;
    await expect(start(dying, log)).rejects.toThrow(
      `the relay died 5 times before it was ready; the end of ${directory}/workers.log says why`,
    );
    expect(deaths).toEqual(
      [1, 2, 3, 4, 5].map((count) => ({
        event: "worker.died",
        kind: "relay",
        deaths: count,
        code: 3,
        signal: null,
      })),
    );
    expect(await readFile(join(directory, "workers.log"), "utf8")).toBe("no such table\n".repeat(5));
    expect(await processesOf(directory)).toEqual([]);
  });

  test("rest longer after each death in a row, up to ten seconds", () => {
    expect([1, 2, 3, 4, 7, 8, 9, 1_000].map(restMs)).toEqual([
      0, 250, 500, 1_000, 8_000, 10_000, 10_000, 10_000,
    ]);
  });

  test("that cannot even be spawned count as dead, and the start ends", async () => {
    const { execPath } = process;
    process.execPath = join(directory, "no-such-node");
    try {
      await expect(start(honest)).rejects.toThrow(/died 5 times before it was ready/);
    } finally {
      process.execPath = execPath;
    }
  });

  test("write their log themselves, readable by us alone", async () => {
    await start(`console.error("here I am");${honest}`);
    expect((await readFile(join(directory, "workers.log"), "utf8")).trimEnd().split("\n")).toEqual([
      "here I am",
      "here I am",
      "here I am",
    ]);
  });

  const tooLong = 16 * 1024 * 1024 + 1;

  test("find a log above 16 MiB put aside when they start", async () => {
    const path = join(directory, "workers.log");
    await writeFile(path, "");
    await truncate(path, tooLong);
    await start(`console.error("here I am");${honest}`);
    expect((await stat(`${path}.old`)).size).toBe(tooLong);
    expect(await readFile(path, "utf8")).toBe("here I am\n".repeat(3));
  });

  test("go on writing when their log has grown above 16 MiB, and was put aside under them", async () => {
    const path = join(directory, "workers.log");
    const told = `console.error("here I am");process.on("SIGUSR2", () => console.error("still here"));${honest}`;
    const { pid } = await start(told, silentLog, 10);
    await truncate(path, tooLong);
    await expect.poll(async () => (await stat(path)).size).toBe(0);
    expect((await stat(`${path}.old`)).size).toBe(tooLong);
    process.kill(pid("relay")!, "SIGUSR2");
    await expect.poll(() => readFile(path, "utf8")).toBe("still here\n");
    expect((await stat(`${path}.old`)).mode & 0o777).toBe(0o600);
  });
});

/** The temporary directory that a process was given. */
async function scratchOf(pid: number): Promise<string[]> {
  const variables = (await readFile(`/proc/${pid}/environ`, "utf8")).split("\0");
  return variables.flatMap((one) => (one.startsWith("TMPDIR=") ? [one.slice("TMPDIR=".length)] : []));
}
