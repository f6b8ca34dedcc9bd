import { createHash } from "node:crypto";
import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { parseConnection } from "@strongroom/core/config";
import { Refusal } from "@strongroom/core/errors";
import type { Log } from "@strongroom/core/log";
import type { Connection } from "@strongroom/core/ports/database";
import { type RunningPostgres, startPostgres } from "./postgres.ts";

/** A PostgreSQL that is kept running; `stop` ends it, or leaves it alone when it is not ours. */
export type DatabaseServer = { superuser: Connection; pid(): number | null; stop(): Promise<void> };

type Options = { dataDirectory: string; databaseUrl: string | null; log: Log };

/** The server behind `DATABASE_URL` (come to as superuser), or one of our own below the data directory, restarted when it dies. */
export async function openDatabaseServer(options: Options): Promise<DatabaseServer> {
  if (options.databaseUrl !== null) {
    return { superuser: parseConnection(options.databaseUrl), pid: () => null, stop: async () => {} };
  }
  const server = await startOwn(options);
  let running: RunningPostgres | null = server.running;
  let stopping = false;
  const watch = (current: RunningPostgres) =>
    void current.exited.then(async () => {
      running = null;
      if (stopping) return;
      options.log.error("postgres.died", {});
      running = await startPostgres({ dataDirectory: server.directory, port: current.port, secretsDirectory: options.dataDirectory, log: options.log });
      watch(running);
    });
  watch(running);
  const { host, port, superuser } = running;
  return {
    superuser: { host, port, database: "postgres", ...superuser },
    pid: () => running?.pid ?? null,
    stop: async () => {
      stopping = true;
      await running?.stop();
    },
  };
}

/** Root cannot run PostgreSQL below a closed home directory such as /root: then its files lie in /var/lib. */
async function startOwn({ dataDirectory, log }: Options): Promise<{ running: RunningPostgres; directory: string }> {
  const inside = join(dataDirectory, "postgres", "data");
  try {
    return { running: await startPostgres({ dataDirectory: inside, secretsDirectory: dataDirectory, log }), directory: inside };
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== "directory_out_of_reach") throw error;
  }
  const name = createHash("sha256").update(dataDirectory).digest("hex").slice(0, 12);
  const outside = join("/var/lib/strongroom", name);
  await mkdir(outside, { recursive: true });
  await chmod("/var/lib/strongroom", 0o711);
  log.warn("postgres.outside", { directory: outside });
  return { running: await startPostgres({ dataDirectory: join(outside, "data"), secretsDirectory: dataDirectory, log }), directory: join(outside, "data") };
}
