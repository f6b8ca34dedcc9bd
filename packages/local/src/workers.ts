import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { systemClock } from "@strongroom/core/clock";
import type { Log } from "@strongroom/core/log";
import {
  emptyWorkerLog,
  openScratch,
  openWorkerLog,
  putAsideWorkerLog,
  type Scratch,
} from "./worker-files.ts";

export const workerKinds = ["processor", "relay", "notifier"] as const;
export type WorkerKind = (typeof workerKinds)[number];

/** Worker processes that are kept alive until `stop`. */
export type Workers = {
  /** Process id of the worker that runs now; null between two. */
  pid(kind: WorkerKind): number | null;
  /** SIGTERM to all; resolves when all are gone. */
  stop(): Promise<void>;
};

export type WorkerOptions = {
  environment: Record<string, string>;
  logFile: string;
  /** Where workers put their temporary files; emptied at the start and after each death. */
  scratchDirectory: string;
  log: Log;
  /** The module that a worker runs. */
  entry?: string;
  /** How often their log is looked at, whether it has grown too long: each minute. */
  logRoundMs?: number;
};

/**
 * A young generation of 8 MiB: left alone, it grows with the buffers that pass through, and with it the process by 100 MB.
 * Marking in one go: the same buffers make V8 collect a small heap often, and helpers that mark it bit by bit beside the
 * work take a quarter of all CPU time while documents are sealed.
 */
const nodeOptions = ["--max-semi-space-size=8", "--no-incremental-marking"];
/** Each sync of a file or a directory holds a thread while the disk works; with libuv's four, uploads and documents in hand wait for one another. */
export const ioThreads = "16";
const workersMain = fileURLToPath(import.meta.resolve("@strongroom/eks-workers/main"));
/** A worker that does not go within this time after SIGTERM is killed: its lease lapses and nothing is lost. */
const graceMs = 20_000;
/** A worker that is not ready by then is killed; a start takes one to three seconds on two busy cores. */
const readyLimitMs = 30_000;
/** A worker that lived this long was well: its next death is the first again. */
const wellMs = 10_000;
const backoffMs = { first: 250, most: 10_000 };
/** As many deaths in a row, before it was ever ready, end the start of the whole. */
const startTries = 5;

/**
 * Starts each kind of worker as a process of its own, waits until all are ready, and starts anew whichever dies, ever
 * slower while it does not stay alive. Rejects when one dies at once again and again before it was ever ready.
 */
export async function startWorkers(options: WorkerOptions): Promise<Workers> {
  const scratch = await openScratch(options.scratchDirectory);
  await putAsideWorkerLog(options.logFile);
  const stopping = new AbortController();
  const supervisors = workerKinds.map((kind) => supervise(kind, { ...options, scratch }, stopping.signal));
  const bounded = boundLog(options, stopping.signal);
  const stop = async () => {
    stopping.abort();
    await Promise.all([bounded, ...supervisors.map(({ done }) => done)]);
  };
  try {
    await Promise.all(supervisors.map(({ ready }) => ready));
  } catch (error) {
    await stop();
    throw error;
  }
  return { pid: (kind) => supervisors[workerKinds.indexOf(kind)]!.pid(), stop };
}

/** They write their log by themselves, but only a single one may empty it; when we are killed they go within moments. */
async function boundLog({ logFile, log, logRoundMs = 60_000 }: WorkerOptions, stopping: AbortSignal) {
  for (;;) {
    await systemClock.sleep(logRoundMs, stopping);
    if (stopping.aborted) return;
    await emptyWorkerLog(logFile).catch((error: Error) => log.warn("worker.log_kept", { error }));
  }
}

type Supervised = WorkerOptions & { scratch: Scratch };
/** `done` resolves once `stopping` was heard and no process is left. */
type Supervisor = { ready: Promise<void>; done: Promise<void>; pid(): number | null };

function supervise(kind: WorkerKind, options: Supervised, stopping: AbortSignal): Supervisor {
  const ready = Promise.withResolvers<void>();
  let child: ChildProcess | null = null;
  const live = async () => {
    let wasReady = false;
    for (let deaths = 1; !stopping.aborted; deaths++) {
      const startedMs = performance.now();
      const end = await runOnce(kind, options, stopping, {
        onSpawn: (spawned) => (child = spawned),
        onReady: () => ready.resolve(void (wasReady = true)),
      });
      child = null;
      if (stopping.aborted) return;
      if (performance.now() - startedMs > wellMs && wasReady) deaths = 1;
      options.log.warn("worker.died", { kind, deaths, ...end });
      if (!wasReady && deaths === startTries) return ready.reject(neverReady(kind, options.logFile));
      await systemClock.sleep(restMs(deaths), stopping);
    }
  };
  const done = live().finally(ready.resolve);
  return { ready: ready.promise, done, pid: () => child?.pid ?? null };
}

/** Rest before the next start: none after the first death, which may have been a mishap; then twice as long each time, 10 s at most. */
export const restMs = (deaths: number): number =>
  deaths === 1 ? 0 : Math.min(backoffMs.most, backoffMs.first * 2 ** (deaths - 2));

const neverReady = (kind: WorkerKind, logFile: string): Error =>
  new Error(`the ${kind} died ${startTries} times before it was ready; the end of ${logFile} says why`);

type End = { code: number | null; signal: string | null; error?: Error };
type Events = { onSpawn(child: ChildProcess): void; onReady(): void };

/** One life of a worker, in temporary files of its own that go with it. Never rejects: what kept it from living is its end. */
async function runOnce(
  kind: WorkerKind,
  options: Supervised,
  stopping: AbortSignal,
  events: Events,
): Promise<End> {
  let directory: string | null = null;
  try {
    directory = await options.scratch.make();
    return await runProcess(kind, options, directory, stopping, events);
  } catch (error) {
    return { code: null, signal: null, error: error as Error };
  } finally {
    if (directory !== null)
      await options.scratch
        .remove(directory)
        .catch((error: Error) => options.log.warn("worker.scratch_kept", { kind, error }));
  }
}

async function runProcess(
  kind: WorkerKind,
  options: Supervised,
  scratch: string,
  stopping: AbortSignal,
  events: Events,
): Promise<End> {
  const { environment, logFile, entry = workersMain } = options;
  const log = await openWorkerLog(logFile);
  const env = { ...environment, TMPDIR: scratch, UV_THREADPOOL_SIZE: ioThreads };
  // A process group of its own: Ctrl-C in a terminal reaches the parent alone, which then stops all in good order.
  const child = spawn(process.execPath, [...nodeOptions, entry, kind], {
    env,
    stdio: ["ignore", "ignore", log.fd, "ipc"],
    detached: true,
  });
  const ended = new Promise<End>((resolve) => {
    child.once("exit", (code, signal) => resolve({ code, signal }));
    child.on("error", (error) => child.pid === undefined && resolve({ code: null, signal: null, error }));
  });
  const impatience = setTimeout(() => child.kill("SIGKILL"), readyLimitMs);
  child.once("message", () => {
    clearTimeout(impatience);
    events.onReady();
  });
  events.onSpawn(child);
  await log.close();
  const stop = () => end(child);
  stopping.addEventListener("abort", stop);
  if (stopping.aborted) stop();
  const how = await ended;
  clearTimeout(impatience);
  stopping.removeEventListener("abort", stop);
  return how;
}

function end(child: ChildProcess): void {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  const killing = setTimeout(() => child.kill("SIGKILL"), graceMs);
  child.once("exit", () => clearTimeout(killing));
}
