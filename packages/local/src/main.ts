import { once } from "node:events";
import { join, resolve } from "node:path";
import { Refusal } from "@strongroom/core/errors";
import { jsonLog } from "@strongroom/core/log";
import { readArguments } from "./arguments.ts";
import { tellFailure } from "./failure.ts";
import { greet } from "./greeting.ts";
import { writeLogFile } from "./log-file.ts";
import { startSystem } from "./system.ts";
import { ioThreads } from "./workers.ts";

const defaultPort = 7010;

/** What of our environment the system may be told; workers get nothing else of it. */
const passedOn = [
  "STRONGROOM_BACKUP_DAYS",
  "STRONGROOM_JOBS",
  "STRONGROOM_MAX_RETRIES",
  "STRONGROOM_TENANT_CLAIM",
  "STRONGROOM_TIME_DIVISOR",
  "STRONGROOM_USER_CLAIM",
];

const usage = `Starts Strongroom on this machine, until Ctrl-C.

  npm start

  STRONGROOM_DATA          where everything lies (./data)
  STRONGROOM_PORT          port on 127.0.0.1; 0 takes a free one (${defaultPort})
  STRONGROOM_JOBS          files decoded at once, 1 to 64 (cores, at most 8)
  STRONGROOM_BACKUP_DAYS   days after which your last backup is gone; certificates of erasure name that day (35)
  STRONGROOM_USER_CLAIM    claim of an access token that names the person (sub); tokens made here have it
  STRONGROOM_TENANT_CLAIM  the same for the tenant (tenant)
  DATABASE_URL             a PostgreSQL 17 of your own, as superuser (one is started)
`;

const stopping =
  "\nStopping: documents in processing are given back, and the next start takes them up. Ctrl-C again ends it at once.\n";

async function main(): Promise<void> {
  if (readArguments(process.argv.slice(2), { usage, takesPaths: false }).help)
    return void process.stdout.write(usage);
  process.env.UV_THREADPOOL_SIZE ||= ioThreads; // read when the first file is opened
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {}); // nobody reads any more: no reason to end
  const stop = new AbortController();
  const logsToFile = process.stderr.isTTY;
  const system = await startSystem({
    dataDirectory: dataDirectory(),
    port: portOf(process.env.STRONGROOM_PORT),
    databaseUrl: process.env.DATABASE_URL || null,
    beforeDatabase: () => hearSignals(stop), // until then nothing has to be closed: a signal ends us, whatever hangs
    // On a terminal the log goes to a file, so that addresses and tokens stay in sight; anywhere else it is standard error.
    log: jsonLog(
      { process: "local" },
      logsToFile ? writeLogFile(join(dataDirectory(), "local.log")) : undefined,
    ),
    environment: Object.fromEntries(
      passedOn.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])),
    ),
  });
  if (!stop.signal.aborted) process.stdout.write(await greet(system, { logsToFile }));
  if (!stop.signal.aborted) await once(stop.signal, "abort"); // it may have come while the tokens were made
  await system.stop();
  process.stdout.write("Stopped. Nothing is lost; start again with npm start.\n");
}

const dataDirectory = (): string => resolve(process.env.STRONGROOM_DATA || "data");

/** Where sh is bash we hear a Ctrl-C of a terminal twice: from the terminal, and a moment later from npm, which passes it on. */
const echoMs = 1_000;

/** From here on a start that is told to stop ends in good order. The second time, at once. */
function hearSignals(stop: AbortController): void {
  let firstMs = 0;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted && performance.now() - firstMs < echoMs) return;
      if (stop.signal.aborted) return endBy(signal); // workers go by themselves, and the next start stops the database
      firstMs = performance.now();
      process.stdout.write(stopping);
      stop.abort();
    });
  }
}

/** Not `process.exit`, which waits for a file that is being opened, and may wait for ever. */
function endBy(signal: NodeJS.Signals): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

function portOf(text: string | undefined): number {
  const port = Number(text || defaultPort);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new Refusal(
    "port_invalid",
    `STRONGROOM_PORT is ${text}, and that is no port. Give a number from 1 to 65535, or 0 for a free one.`,
  );
}

try {
  await main();
} catch (error) {
  process.stderr.write(tellFailure(error, dataDirectory()));
  process.exit(1); // whatever a failed start left open
}
