import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Log } from "@strongroom/core/log";

export const workerKinds = ["processor", "relay", "notifier"] as const;
export type WorkerKind = (typeof workerKinds)[number];

/** Worker processes that are kept alive until `stop`. */
export type Workers = {
  /** Process id of the worker that runs now; null between two. */
  pid(kind: WorkerKind): number | null;
  /** SIGTERM to all; resolves when all are gone. */
  stop(): Promise<void>;
};

type Options = { environment: Record<string, string>; logFile: string; log: Log };

const entry = fileURLToPath(import.meta.resolve("@strongroom/eks-workers/main"));
/** A worker that does not go within this time after SIGTERM is killed: its lease lapses and nothing is lost. */
const graceMs = 20_000;

/** Starts each kind of worker as a process of its own, waits until all are ready, and starts anew whichever dies. */
export async function startWorkers(options: Options): Promise<Workers> {
  const running = new Map<WorkerKind, ChildProcess>();
  const stopping = new AbortController();
  const start = (kind: WorkerKind, delayMs = 0): Promise<void> => startOne(kind, options, running, stopping.signal, delayMs);
  await Promise.all(workerKinds.map((kind) => start(kind)));
  return {
    pid: (kind) => running.get(kind)?.pid ?? null,
    stop: async () => {
      stopping.abort();
      await Promise.all([...running.values()].map(end));
    },
  };
}

/** Resolves when the worker is ready, or has died and been started anew until it was. */
async function startOne(kind: WorkerKind, options: Options, running: Map<WorkerKind, ChildProcess>, stopping: AbortSignal, delayMs: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, delayMs));
  if (stopping.aborted) return;
  const child = spawn(process.execPath, [entry, kind], { env: options.environment, stdio: ["ignore", "ignore", "pipe", "ipc"] });
  child.stderr!.pipe(createWriteStream(options.logFile, { flags: "a", mode: 0o600 }));
  running.set(kind, child);
  const startedMs = performance.now();
  await new Promise<void>((resolve) => {
    child.once("message", () => resolve());
    child.once("exit", (code, signal) => {
      running.delete(kind);
      if (stopping.aborted) return resolve();
      options.log.warn("worker.died", { kind, code, signal });
      const soonMs = performance.now() - startedMs > 10_000 ? 0 : 1_000;
      void startOne(kind, options, running, stopping, soonMs).then(resolve);
    });
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGTERM");
  const killing = setTimeout(() => child.kill("SIGKILL"), graceMs);
  await gone;
  clearTimeout(killing);
}
