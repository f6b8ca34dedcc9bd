import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { open, readFile, rename, stat } from "node:fs/promises";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Refusal } from "@strongroom/core/errors";
import type { Log } from "@strongroom/core/log";
import { postgresBinaries } from "./postgres-binaries.ts";
import { asPostgres, ensureCluster, reachableDirectory, superuserName } from "./postgres-directory.ts";
import { holdDirectory, stopLeftover } from "./postgres-leftover.ts";

/** A PostgreSQL server that is our direct child and listens on 127.0.0.1 alone. */
export type RunningPostgres = {
  host: string;
  port: number;
  superuser: { user: string; password: string };
  pid: number;
  /** Resolves when the server has ended, whatever ended it; from then on it may be started again. */
  exited: Promise<void>;
  /** Ends connections and the server in good order. */
  stop(): Promise<void>;
};

/** `secretsDirectory` holds the superuser's password (default: the parent of the data directory). */
export type PostgresOptions = {
  dataDirectory: string;
  /** A free one unless given. */
  port?: number;
  secretsDirectory?: string;
  /** False for tests alone: a crash of the machine (not of the server) may then destroy the database. */
  durable?: boolean;
  log: Log;
};

/**
 * Recovery after a crash syncs the data directory and replays up to a gigabyte of write-ahead log: 0.2 s as we measured it,
 * minutes on a slow disk. Whoever ends it meanwhile has it begin anew.
 */
const startLimitMs = 30 * 60_000;
const logLimitBytes = 16 * 1024 * 1024;

/**
 * Starts PostgreSQL on a data directory, which is made if need be; a server left over by a killed parent is stopped
 * first. Throws a Refusal when the directory or port is in use or out of reach, or when this machine has no binaries.
 */
export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  const dataDirectory = await reachableDirectory(options.dataDirectory);
  const hold = await holdDirectory(dataDirectory);
  try {
    const durable = options.durable ?? true;
    await stopLeftover(dataDirectory, options.log);
    if (options.port !== undefined) await refuseTakenPort(options.port);
    const binaries = await postgresBinaries();
    const password = await ensureCluster(
      binaries,
      dataDirectory,
      options.secretsDirectory ?? dirname(dataDirectory),
      durable,
    );
    const { child, port } = await startServer(binaries, dataDirectory, options.port ?? null, durable);
    const exited = new Promise<void>((resolve) => {
      const letGo = () => hold.close(() => resolve());
      if (child.exitCode !== null || child.signalCode !== null) letGo();
      else child.once("exit", letGo);
    });
    const superuser = { user: superuserName, password };
    return { host: "127.0.0.1", port, superuser, pid: child.pid!, exited, stop: () => stop(child, exited) };
  } catch (error) {
    hold.close();
    throw error;
  }
}

async function startServer(
  binaries: string,
  dataDirectory: string,
  wantedPort: number | null,
  durable: boolean,
) {
  for (let attempt = 1; ; attempt++) {
    const port = wantedPort ?? (await freePort(0))!;
    const child = await launch(binaries, dataDirectory, port, durable);
    try {
      await untilReady(child, dataDirectory);
      return { child, port };
    } catch (error) {
      const taken = wantedPort === null && (await freePort(port)) === null;
      if (!taken || attempt === 5) throw error; // otherwise somebody took the free port between our look and the start
    }
  }
}

async function refuseTakenPort(port: number): Promise<void> {
  if ((await freePort(port)) !== null) return;
  throw new Refusal(
    "port_in_use",
    `Port ${port} is in use. Stop what listens there, or choose another port.`,
    { status: 409 },
  );
}

async function launch(
  binaries: string,
  dataDirectory: string,
  port: number,
  durable: boolean,
): Promise<ChildProcess> {
  const path = logPath(dataDirectory);
  const before = await stat(path).catch(() => null);
  if (before !== null && before.size > logLimitBytes) await rename(path, `${path}.old`);
  const log = await open(path, "a", 0o600);
  const settings = Object.entries(settingsFor(port, durable)).flatMap(([name, value]) => [
    "-c",
    `${name}=${value}`,
  ]);
  const child = spawn(join(binaries, "bin", "postgres"), ["-D", dataDirectory, ...settings], {
    ...asPostgres(dataDirectory),
    stdio: ["ignore", log.fd, log.fd],
    detached: true, // Ctrl-C in a terminal reaches us alone: the server outlives those who still need it
  });
  const spawned = new Promise((resolve, reject) => child.once("spawn", resolve).once("error", reject));
  try {
    await spawned;
  } finally {
    await log.close();
  }
  return child;
}

const logPath = (dataDirectory: string): string => join(dirname(dataDirectory), "postgres.log");

const settingsFor = (port: number, durable: boolean) => ({
  listen_addresses: "127.0.0.1",
  port,
  unix_socket_directories: "",
  password_encryption: "scram-sha-256",
  max_connections: 120,
  shared_buffers: "128MB",
  fsync: durable ? "on" : "off",
  full_page_writes: durable ? "on" : "off",
  synchronous_commit: "on", // without, even a kill of the server alone would lose what was answered
  // Until a table is analysed, any index that begins with the tenant seems as good as the right one, and each look goes through all
  // that a tenant has: of the first 1,500 documents PostgreSQL spent a third of its time so.
  autovacuum_naptime: "10s",
  jit: "off", // compiling a plan costs more than our short statements take
  timezone: "UTC",
  log_timezone: "UTC",
  logging_collector: "off",
  log_destination: "stderr",
  log_min_messages: "warning",
  log_min_error_statement: "panic", // statements and details carry names of people and files
  log_error_verbosity: "terse",
  log_parameter_max_length_on_error: 0,
  log_line_prefix: "%m [%p] %q%u@%d ",
});

/** The server writes its state into the eighth line of its pid file. */
async function untilReady(child: ChildProcess, dataDirectory: string): Promise<void> {
  const deadline = performance.now() + startLimitMs;
  for (;;) {
    const lines = (await readFile(join(dataDirectory, "postmaster.pid"), "utf8").catch(() => "")).split("\n");
    if (Number(lines[0]) === child.pid && lines[7]?.trim() === "ready") return;
    if (child.exitCode !== null || child.signalCode !== null)
      throw await notStarted(dataDirectory, "it ended");
    if (performance.now() > deadline) {
      child.kill("SIGQUIT");
      throw await notStarted(dataDirectory, `it was not ready after ${startLimitMs} ms`);
    }
    await sleep(10);
  }
}

async function notStarted(dataDirectory: string, why: string): Promise<Error> {
  const path = logPath(dataDirectory);
  const tail = (await readFile(path, "utf8").catch(() => "")).trimEnd().split("\n").slice(-5).join("\n");
  return new Error(`PostgreSQL did not start: ${why}. The end of ${path}:\n${tail}`);
}

/** SIGINT is the fast shutdown: sessions are ended, everything is written. One that hangs is ended at once after 20 s. */
async function stop(child: ChildProcess, exited: Promise<void>): Promise<void> {
  child.kill("SIGINT");
  const impatience = setTimeout(() => child.kill("SIGQUIT"), 20_000);
  await exited;
  clearTimeout(impatience);
}

/** The port itself if it can be listened on (0: any that can), else null. */
async function freePort(wanted: number): Promise<number | null> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(null));
    server.listen(wanted, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : null));
    });
  });
}
