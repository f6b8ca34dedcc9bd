import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { systemClock } from "@strongroom/core/clock";
import { formatConnection } from "@strongroom/core/config";
import { silentLog } from "@strongroom/core/log";
import type { Connection } from "@strongroom/core/ports/database";
import { keepRunning } from "@strongroom/local/database-server";
import { findPort } from "@strongroom/local/port";
import { startPostgres } from "@strongroom/local/postgres";
import { type FaultProxy, startFaultProxy } from "./fault-proxy.ts";
import type { PreloadPlan } from "./preload.ts";
import { childrenOf } from "./process-tree.ts";

/** Parts of the system that are processes of their own. */
export type Part = "main" | "processor" | "relay" | "notifier" | "postgres";

/** The system under proof: `npm start` as a process, behind its proxies, and a PostgreSQL that is kept running. */
export type Installation = {
  dataDirectory: string;
  logFile: string;
  /** Where clients reach it (through their proxy), and where it listens. */
  clients: FaultProxy;
  apiPort: number;
  /** Between all processes and PostgreSQL. */
  database: FaultProxy;
  /** Past the proxy. */
  superuser: Connection;
  pid(part: Part): Promise<number | null>;
  /** Resolves with its process id once this part runs, and main has greeted. */
  untilRunning(part: Part): Promise<number>;
  /** Where main writes its own log, of all its lives. */
  mainLog: string;
  /** A second worker of this kind, set up as the first one, ready. */
  startSecond(kind: "processor" | "relay" | "notifier"): Promise<ChildProcess>;
  /** SIGTERM to main; resolves with its exit code. `anew` starts it again at once. */
  stopMain(options?: { anew: boolean }): Promise<number | null>;
  close(): Promise<void>;
};

type Options = {
  directory: string;
  plan: PreloadPlan;
  jobs: number;
  drawClientFault: Parameters<typeof startFaultProxy>[0]["draw"];
};

const mainEntry = fileURLToPath(import.meta.resolve("@strongroom/local/main"));
const preloadFile = join(import.meta.dirname, "preload.ts");
/** A main that could not start, say because its database is away, is started again after this. */
const restMs = 250;
/** A first start takes three seconds; on a machine where much else runs, many times as long. */
const startLimitMs = 180_000;

/** Starts PostgreSQL, the proxies and the system below a directory; main is started anew whenever it ends. */
export async function openInstallation(options: Options): Promise<Installation> {
  const { directory } = options;
  const dataDirectory = join(directory, "data");
  await chmod(directory, 0o711); // PostgreSQL passes through as another user
  await mkdir(dataDirectory, { recursive: true });
  const postgresOptions = { dataDirectory: join(directory, "postgres", "data"), log: silentLog };
  const first = await startPostgres(postgresOptions);
  const { host, port, superuser: account } = first;
  const postgres = keepRunning(first, () => startPostgres({ ...postgresOptions, port }), silentLog);
  const superuser: Connection = { host, port, database: "postgres", ...account };
  const database = await startFaultProxy({ target: { host, port }, draw: () => null });
  const apiPort = await findPort(0);
  const clients = await startFaultProxy({
    target: { host: "127.0.0.1", port: apiPort },
    draw: options.drawClientFault,
  });
  const closeOthers = async () => {
    await clients.close();
    await database.close();
    await postgres.stop();
  };
  const main = await keepMain(options, {
    STRONGROOM_DATA: dataDirectory,
    STRONGROOM_PORT: String(apiPort),
    DATABASE_URL: formatConnection({ ...superuser, port: database.port }),
  }).catch(async (error: unknown) => {
    await closeOthers();
    throw error;
  });
  const logFile = join(dataDirectory, "workers.log");
  const pid = async (part: Part) =>
    part === "postgres" ? postgres.pid() : part === "main" ? main.pid() : await workerPid(main.pid(), part);
  return {
    dataDirectory,
    logFile,
    mainLog: join(directory, "main.log"),
    clients,
    apiPort,
    database,
    superuser: { ...superuser, database: "strongroom" },
    pid,
    untilRunning: async (part) => {
      for (;;) {
        const found = await pid(part);
        if (found !== null && (part === "postgres" || main.hasGreeted())) return found;
        await systemClock.sleep(20);
      }
    },
    startSecond: async (kind) => await startSecond(kind, main.pid, logFile),
    stopMain: ({ anew } = { anew: false }) => main.stop(anew),
    close: async () => {
      await main.stop(false);
      await closeOthers();
    },
  };
}

type Main = {
  pid: () => number | null;
  hasGreeted(): boolean;
  stop(anew: boolean): Promise<number | null>;
};

async function keepMain(
  { directory, plan, jobs }: Options,
  environment: Record<string, string>,
): Promise<Main> {
  const encoded = Buffer.from(JSON.stringify(plan)).toString("base64url");
  const preload = `${pathToFileURL(preloadFile).href}?plan=${encoded}`;
  const env = {
    PATH: "/usr/bin:/bin",
    HOME: directory,
    STRONGROOM_TIME_DIVISOR: String(plan.timeDivisor),
    STRONGROOM_JOBS: String(jobs),
    ...environment,
  };
  const log = await open(join(directory, "main.log"), "a");
  let [child, greeted, isWanted]: [ChildProcess | null, boolean, boolean] = [null, false, true];
  const first = Promise.withResolvers<void>();
  const live = async () => {
    while (isWanted) {
      child = spawn(process.execPath, ["--max-semi-space-size=8", "--import", preload, mainEntry], {
        env,
        stdio: ["ignore", "pipe", log.fd],
      });
      child.stdout!.on("data", (piece: Buffer) => {
        if (piece.includes("Ctrl-C stops it.")) first.resolve(void (greeted = true));
      });
      const wasGreeted = once(child, "exit").then(() => greeted);
      const lived = await wasGreeted;
      [child, greeted] = [null, false];
      if (!lived) await systemClock.sleep(restMs);
    }
    await log.close();
  };
  const living = live();
  const stop = async (anew: boolean) => {
    isWanted = anew;
    const ending = child;
    ending?.kill("SIGTERM");
    const code = ending && ((await once(ending, "exit")) as [number | null])[0];
    if (!anew) await living;
    return code;
  };
  const late = new AbortController();
  const failed = systemClock.sleep(startLimitMs, late.signal).then(async () => {
    if (late.signal.aborted) return;
    await stop(false);
    throw new Error(`main did not start:\n${await readFile(join(directory, "main.log"), "utf8")}`);
  });
  await Promise.race([first.promise, failed]);
  late.abort();
  return { pid: () => child?.pid ?? null, hasGreeted: () => greeted, stop };
}

async function workerPid(main: number | null, kind: string): Promise<number | null> {
  if (main === null) return null;
  const children = await childrenOf(main);
  return children.find(({ command }) => command.at(-1) === kind)?.pid ?? null;
}

async function startSecond(
  kind: string,
  mainPid: () => number | null,
  logFile: string,
): Promise<ChildProcess> {
  for (;;) {
    const pid = await workerPid(mainPid(), kind);
    const found = pid === null ? null : await readProcess(pid).catch(() => null);
    if (found === null) {
      await systemClock.sleep(20);
      continue;
    }
    const [program, ...rest] = found.command;
    const log = await open(logFile, "a");
    const second = spawn(program!, rest, {
      env: found.environment,
      stdio: ["ignore", "ignore", log.fd, "ipc"],
    });
    await log.close();
    const ended = once(second, "exit").then(() => "ended");
    if ((await Promise.race([once(second, "message"), ended])) !== "ended") return second;
  }
}

async function readProcess(pid: number): Promise<{ command: string[]; environment: Record<string, string> }> {
  const [command, environ] = await Promise.all(
    ["cmdline", "environ"].map(async (name) => (await readFile(`/proc/${pid}/${name}`, "utf8")).split("\0")),
  );
  const variables = environ!.filter((one) => one !== "");
  const environment = variables.map((one) => [
    one.slice(0, one.indexOf("=")),
    one.slice(one.indexOf("=") + 1),
  ]);
  return { command: command!.slice(0, -1), environment: Object.fromEntries(environment) };
}
