import { createHash } from "node:crypto";
import { readFile, readdir, readlink, rm } from "node:fs/promises";
import { createServer } from "node:net";
import type { Server } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Refusal } from "@strongroom/core/errors";
import type { Log } from "@strongroom/core/log";

/**
 * Holds a data directory for this process, against every other starter on this machine; the kernel lets go of it when
 * the process dies, however it dies. Throws a Refusal when somebody has it.
 */
export async function holdDirectory(dataDirectory: string): Promise<Server> {
  const name = createHash("sha256").update(dataDirectory).digest("hex").slice(0, 32);
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      reject(
        error.code === "EADDRINUSE"
          ? inUse(dataDirectory)
          : new Error("the data directory cannot be held", { cause: error }),
      ),
    );
    server.listen(`\0strongroom-postgres-${name}`, resolve); // an abstract socket: it has no file that could be left behind
  });
  return server.unref();
}

const inUse = (dataDirectory: string): Refusal =>
  new Refusal(
    "data_directory_in_use",
    `Another Strongroom is running on ${dataDirectory}. Stop it first, or choose another data directory.`,
    { status: 409 },
  );

/**
 * Stops what a killed parent left running in a data directory that we hold: first the server (fast, then at once), then
 * server processes without a server. Without them, the pid file says nothing and goes too.
 */
export async function stopLeftover(dataDirectory: string, log: Log): Promise<void> {
  const pidFile = join(dataDirectory, "postmaster.pid");
  const pid = Number((await readFile(pidFile, "utf8").catch(() => "")).split("\n")[0]);
  const found = await serverProcesses(dataDirectory);
  if (found.length > 0) log.warn("postgres.leftover_found", { processes: found.length });
  if (found.includes(pid)) await endWith(dataDirectory, [pid], ["SIGINT", "SIGQUIT", "SIGKILL"]);
  await endWith(dataDirectory, await serverProcesses(dataDirectory), ["SIGQUIT", "SIGKILL"]);
  await rm(pidFile, { force: true });
}

async function endWith(dataDirectory: string, pids: number[], signals: NodeJS.Signals[]): Promise<void> {
  for (const signal of signals) {
    let left = await stillThere(dataDirectory, pids);
    for (const pid of left) send(pid, signal);
    const deadline = performance.now() + 10_000;
    while (left.length > 0 && performance.now() < deadline) {
      await sleep(20);
      left = await stillThere(dataDirectory, left);
    }
    if (left.length === 0) return;
  }
  throw new Error(`processes ${pids.join(", ")} of an earlier PostgreSQL do not end`);
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

async function stillThere(dataDirectory: string, pids: number[]): Promise<number[]> {
  const present = new Set(await serverProcesses(dataDirectory));
  return pids.filter((pid) => present.has(pid));
}

/** Every process of PostgreSQL works in its data directory: that tells ours from others, and from a reused pid. */
async function serverProcesses(dataDirectory: string): Promise<number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const ours = await Promise.all(pids.map((pid) => worksIn(pid, dataDirectory)));
  return pids.filter((_, index) => ours[index]).map(Number);
}

async function worksIn(pid: string, dataDirectory: string): Promise<boolean> {
  const directory = await readlink(`/proc/${pid}/cwd`).catch(() => null);
  if (directory !== dataDirectory) return false;
  const name = await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "");
  return name.trim() === "postgres";
}
