import { cpus } from "node:os";
import { join } from "node:path";
import { formatConnection, readConfig } from "@strongroom/core/config";
import { migrate } from "@strongroom/core/database/migrate";
import { ensureRoles, prepareDatabase, roleName } from "@strongroom/core/database/roles";
import { connectEmbedded, type EmbeddedPorts } from "@strongroom/core/embedded/connect";
import { emptyTemp } from "@strongroom/core/embedded/object-temp";
import { createObjectServer } from "@strongroom/core/embedded/object-server";
import type { Log } from "@strongroom/core/log";
import type { Connection, DatabaseRole } from "@strongroom/core/ports/database";
import type { ObjectKey } from "@strongroom/core/ports/objects";
import type { Ports } from "@strongroom/core/ports/ports";
import { replayTombstones } from "@strongroom/core/retention/replay-tombstones";
import { checkSettings } from "@strongroom/core/settings";
import { parseStagingKey } from "@strongroom/core/upload/staging-key";
import { adoptStaging } from "@strongroom/core/upload/adopt-staging";
import { handlers } from "@strongroom/functions/handlers";
import { usePorts } from "@strongroom/functions/ports";
import { openDataDirectory } from "./data-directory.ts";
import { refuseForeignServer, refuseLostDatabase } from "./database-check.ts";
import { checkDatabaseUrl, type DatabaseServer, openDatabaseServer } from "./database-server.ts";
import { createHttpServer } from "./http.ts";
import { type Issuer, openIssuer } from "./issuer.ts";
import { noticeMount } from "./notices.ts";
import { refuseLostParts } from "./parts-check.ts";
import { findPort, portRefusal } from "./port.ts";
import { refuseLostRootKey } from "./root-key-check.ts";
import { runSchedules } from "./schedule.ts";
import { openSecrets, type Secrets } from "./secrets.ts";
import { seed } from "./seed.ts";
import { explainReplay } from "./tombstones-check.ts";
import { UploadPace, uploadPace } from "./upload-pace.ts";
import { startWorkers, type WorkerKind, workerKinds, type Workers } from "./workers.ts";

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
  /** Called before the first process is started: one that ends from then on leaves it behind. */
  beforeDatabase?: () => void;
  /** More variables of `Config`: periods, jobs. */
  environment?: Record<string, string>;
};

const database = "strongroom";

/** Starts database, API, upload server, schedules and workers, in the order in which they need one another. */
export async function startSystem(options: SystemOptions): Promise<RunningSystem> {
  const opened: Closer[] = [];
  try {
    return await open(options, opened);
  } catch (error) {
    await closeAll(opened, options.log);
    throw error;
  }
}

type Closer = () => Promise<unknown>;

async function open(options: SystemOptions, opened: Closer[]): Promise<RunningSystem> {
  checkSettings(options.environment ?? {}); // before anything is made: the rest of the configuration is known only later
  checkDatabaseUrl(options.databaseUrl);
  const held = await openDataDirectory(options.dataDirectory);
  opened.push(() => held.letGo());
  const dataDirectory = held.path;
  if (options.databaseUrl === null) await refuseLostDatabase(dataDirectory);
  const port = await findPort(options.port);
  const url = `http://127.0.0.1:${port}`;
  const secrets = await openSecrets(dataDirectory);
  options.beforeDatabase?.();
  const server = await openDatabaseServer({
    dataDirectory,
    databaseUrl: options.databaseUrl,
    log: options.log,
  });
  opened.push(() => server.stop());
  if (options.databaseUrl !== null) await refuseForeignServer(server.superuser, database, dataDirectory);
  const connections = await prepare(server, secrets, options.log);
  await refuseLostRootKey(connections.owner, join(dataDirectory, "keys"));
  await refuseLostParts(connections.owner, dataDirectory);
  await emptyTemp(join(dataDirectory, "objects"));
  const environment = environmentOf({ ...options, dataDirectory }, url, secrets, connections);
  return await run({ options, url, port, dataDirectory, server, environment }, opened);
}

type Prepared = {
  options: SystemOptions;
  url: string;
  port: number;
  dataDirectory: string;
  server: DatabaseServer;
  environment: Record<string, string>;
};

/** Uploads of each tenant begin at a pace while others' come in. */
function atTheirPace({ clock, config }: Pick<EmbeddedPorts, "clock" | "config">) {
  const pace = new UploadPace(clock, uploadPace(config.jobs));
  return (key: ObjectKey) => pace.begin(parseStagingKey(key)?.tenantId ?? "");
}

async function run(
  { options, url, port, dataDirectory, server, environment }: Prepared,
  opened: Closer[],
): Promise<RunningSystem> {
  const { log } = options;
  const config = readConfig(environment);
  const ports = await connectEmbedded(config, log);
  opened.push(() => ports.close());
  usePorts(ports);
  const issuer = await openIssuer({ dataDirectory, ...config.auth });
  const stopping = new AbortController();
  const mounts = [
    { prefix: "/objects/", handle: createObjectServer(ports.objects, atTheirPace(ports)) },
    issuer.mount,
    noticeMount(ports.push, { stopping: stopping.signal }),
  ];
  const http = createHttpServer({ handlers, mounts, log });
  await makeUpForRestore(ports, dataDirectory);
  // All that works ends at once: what an upload begins now is found by the next start.
  const atWork: Closer[] = [() => http.close()];
  opened.push(() => closeAtOnce(atWork, stopping, log));
  await http.listen({ port }).catch((error: Error) => Promise.reject(portRefusal(port, error)));
  const schedules = runSchedules(ports, stopping.signal);
  atWork.push(() => schedules);
  const files = {
    logFile: join(dataDirectory, "workers.log"),
    scratchDirectory: join(dataDirectory, "scratch"),
  };
  const workers = await startWorkers({ environment, ...files, log });
  atWork.push(() => workers.stop());
  let stopped: Promise<void> | null = null;
  return {
    url,
    dataDirectory,
    issuer,
    ports,
    superuser: server.superuser,
    pids: () => ({ ...pidsOf(workers), postgres: server.pid() }),
    stop: () => (stopped ??= closeAll(opened, log)),
  };
}

/**
 * Before anybody is served: a restored database may hold documents that were erased since, and may not know pages that were
 * sent since; nobody must receive a document without them. What cannot be adopted is told, and each sweep tries it again.
 */
async function makeUpForRestore(ports: Ports, dataDirectory: string): Promise<void> {
  const replayed = await replayTombstones(ports).catch((error: Error) => {
    throw explainReplay(error, dataDirectory);
  });
  if (replayed > 0) ports.log.warn("tombstones.replayed", { documents: replayed });
  await adoptStaging(ports).catch((error: Error) => ports.log.error("staging.adopt_failed", { error }));
}

async function closeAtOnce(closers: Closer[], stopping: AbortController, log: Log): Promise<void> {
  stopping.abort();
  await Promise.all(closers.map((close) => closeOne(close, log)));
}

/** Last opened, first closed; one that fails does not keep the others open. */
async function closeAll(closers: Closer[], log: Log): Promise<void> {
  for (const close of closers.toReversed()) await closeOne(close, log);
}

async function closeOne(close: Closer, log: Log): Promise<void> {
  await close().catch((error: Error) => log.error("system.close_failed", { error }));
}

function pidsOf(workers: Workers): Record<WorkerKind, number | null> {
  return Object.fromEntries(workerKinds.map((kind) => [kind, workers.pid(kind)])) as Record<
    WorkerKind,
    number | null
  >;
}

/** Roles, database, schema, people: all safe to do again. */
async function prepare(
  { superuser }: DatabaseServer,
  { passwords }: Secrets,
  log: Log,
): Promise<Record<DatabaseRole, Connection>> {
  await ensureRoles(superuser, passwords as Record<DatabaseRole, string>);
  await prepareDatabase(superuser, database);
  const as = (role: DatabaseRole): Connection => ({
    ...superuser,
    database,
    user: roleName(role),
    password: passwords[role],
  });
  const connections = { owner: as("owner"), app: as("app"), system: as("system"), embedded: as("embedded") };
  const applied = await migrate(connections.owner);
  if (applied.length > 0) log.info("migrations.applied", { applied: applied.join(" ") });
  await seed(connections.owner);
  return connections;
}

/** What this process and the workers are configured with; workers get nothing else of our environment. */
function environmentOf(
  options: SystemOptions,
  url: string,
  secrets: Secrets,
  connections: Record<DatabaseRole, Connection>,
): Record<string, string> {
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
