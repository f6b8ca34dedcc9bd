import { chmod, mkdir } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { cpus } from "node:os";
import { join, resolve } from "node:path";
import { type Config, formatConnection, readConfig } from "@strongroom/core/config";
import { migrate } from "@strongroom/core/database/migrate";
import { ensureRoles, prepareDatabase, roleName } from "@strongroom/core/database/roles";
import { connectEmbedded, type EmbeddedPorts } from "@strongroom/core/embedded/connect";
import { createObjectServer } from "@strongroom/core/embedded/object-server";
import type { Log } from "@strongroom/core/log";
import type { Connection, DatabaseRole } from "@strongroom/core/ports/database";
import { handlers } from "@strongroom/functions/handlers";
import { usePorts } from "@strongroom/functions/ports";
import { type DatabaseServer, openDatabaseServer } from "./database-server.ts";
import { createHttpServer } from "./http.ts";
import { type Issuer, openIssuer } from "./issuer.ts";
import { noticeMount } from "./notices.ts";
import { runSchedules } from "./schedule.ts";
import { openSecrets, type Secrets } from "./secrets.ts";
import { seed } from "./seed.ts";
import { startWorkers, type WorkerKind, workerKinds } from "./workers.ts";

/** Strongroom on one machine, all of it running. */
export type RunningSystem = {
  url: string;
  dataDirectory: string;
  issuer: Issuer;
  ports: EmbeddedPorts;
  superuser: Connection;
  /** Process ids of the parts that may be killed without loss; null while one is being started anew. */
  pids(): Record<WorkerKind | "postgres", number | null>;
  /** Takes no more requests, finishes or releases what is in hand, stops every process. */
  stop(): Promise<void>;
};

export type SystemOptions = {
  dataDirectory: string;
  /** 0 takes a free one. */
  port: number;
  /** A PostgreSQL 17 to use as superuser, in place of our own. */
  databaseUrl: string | null;
  log: Log;
  /** More variables of `Config`: periods, jobs. */
  environment?: Record<string, string>;
};

const database = "strongroom";

/** Starts database, API, upload server, schedules and workers, in the order in which they need one another. */
export async function startSystem(options: SystemOptions): Promise<RunningSystem> {
  const dataDirectory = resolve(options.dataDirectory);
  await mkdir(dataDirectory, { recursive: true });
  await chmod(dataDirectory, 0o711); // PostgreSQL must pass through when it runs as somebody else; all within is closed
  const secrets = await openSecrets(dataDirectory);
  const port = options.port || (await freePort());
  const url = `http://127.0.0.1:${port}`;
  const server = await openDatabaseServer({ dataDirectory, databaseUrl: options.databaseUrl, log: options.log });
  try {
    const connections = await prepare(server, secrets);
    const environment = environmentOf({ ...options, dataDirectory }, url, secrets, connections);
    return await run({ options, url, port, dataDirectory, server, environment, config: readConfig(environment) });
  } catch (error) {
    await server.stop();
    throw error;
  }
}

type Prepared = { options: SystemOptions; url: string; port: number; dataDirectory: string; server: DatabaseServer; environment: Record<string, string>; config: Config };

async function run({ options, url, port, dataDirectory, server, environment, config }: Prepared): Promise<RunningSystem> {
  const { log } = options;
  const ports = await connectEmbedded(config, log);
  usePorts(ports);
  const issuer = await openIssuer({ dataDirectory, ...config.auth });
  const objects = { prefix: "/objects/", handle: createObjectServer(ports.objects) };
  const http = createHttpServer({ handlers, mounts: [objects, issuer.mount, noticeMount(ports.push)], log });
  await http.listen({ port });
  const stopping = new AbortController();
  const schedules = runSchedules(ports, stopping.signal);
  const workers = await startWorkers({ environment, logFile: join(dataDirectory, "workers.log"), log });
  return {
    url,
    dataDirectory,
    issuer,
    ports,
    superuser: server.superuser,
    pids: () => ({ ...pidsOf(workers), postgres: server.pid() }),
    stop: async () => {
      stopping.abort();
      await http.close();
      await Promise.all([workers.stop(), schedules]);
      await ports.close();
      await server.stop();
    },
  };
}

function pidsOf(workers: { pid(kind: WorkerKind): number | null }): Record<WorkerKind, number | null> {
  return Object.fromEntries(workerKinds.map((kind) => [kind, workers.pid(kind)])) as Record<WorkerKind, number | null>;
}

/** Roles, database, schema, people: all safe to do again. */
async function prepare({ superuser }: DatabaseServer, { passwords }: Secrets): Promise<Record<DatabaseRole, Connection>> {
  await ensureRoles(superuser, passwords as Record<DatabaseRole, string>);
  await prepareDatabase(superuser, database);
  const as = (role: DatabaseRole): Connection => ({ ...superuser, database, user: roleName(role), password: passwords[role] });
  const connections = { owner: as("owner"), app: as("app"), system: as("system"), embedded: as("embedded") };
  await migrate(connections.owner);
  await seed(connections.owner);
  return connections;
}

/** What this process and the workers are configured with; workers get nothing else of our environment. */
function environmentOf(options: SystemOptions, url: string, secrets: Secrets, connections: Record<DatabaseRole, Connection>): Record<string, string> {
  return {
    STRONGROOM_JOBS: String(Math.min(8, cpus().length)),
    ...options.environment,
    STRONGROOM_PUBLIC_URL: url,
    STRONGROOM_DATA: options.dataDirectory,
    STRONGROOM_DATABASE_URL_APP: formatConnection(connections.app),
    STRONGROOM_DATABASE_URL_SYSTEM: formatConnection(connections.system),
    STRONGROOM_DATABASE_URL_EMBEDDED: formatConnection(connections.embedded),
    STRONGROOM_ISSUER: `${url}/issuer`,
    STRONGROOM_AUDIENCE: "strongroom",
    STRONGROOM_UPLOAD_KEY: secrets.uploadKey,
    STRONGROOM_TICKET_KEY: secrets.ticketKey,
  };
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
