import { randomBytes } from "node:crypto";
import { chmod, mkdir, readlink, rmdir, stat, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { systemClock } from "@strongroom/core/clock";
import { parseConnection } from "@strongroom/core/config";
import { withClient } from "@strongroom/core/database/roles";
import { Refusal } from "@strongroom/core/errors";
import type { Log } from "@strongroom/core/log";
import type { Connection } from "@strongroom/core/ports/database";
import { databaseDirectory } from "./data-directory.ts";
import { refuseLostDatabase, refuseWrongPassword } from "./database-check.ts";
import { type RunningPostgres, startPostgres } from "./postgres.ts";

/** A PostgreSQL that is kept running; `stop` ends it, or leaves it alone when it is not ours. */
export type DatabaseServer = { superuser: Connection; pid(): number | null; stop(): Promise<void> };

type Options = {
  dataDirectory: string;
  databaseUrl: string | null;
  log: Log;
  /** Where root keeps the database when user 65534 cannot get into the data directory. */
  outside?: string;
};

/** The server behind `DATABASE_URL` (come to as superuser), or one of our own below the data directory, restarted when it dies. */
export async function openDatabaseServer(options: Options): Promise<DatabaseServer> {
  if (options.databaseUrl !== null) return await reachGiven(options.databaseUrl);
  const first = await startOwn(options);
  const { host, port, superuser: account } = first;
  const superuser = { host, port, database: "postgres", ...account };
  await refuseWrongPassword(superuser, options.dataDirectory).catch(async (error: Error) => {
    await first.stop();
    throw error;
  });
  const start = async () => {
    await refuseLostDatabase(options.dataDirectory); // its disk may be what went away
    return await startPostgres({ ...ownOptions(options), port });
  };
  const { pid, stop } = keepRunning(first, start, options.log);
  return { superuser, pid, stop };
}

/** Refuses what is no URL: it needs no server to see that. */
export function checkDatabaseUrl(databaseUrl: string | null): void {
  if (databaseUrl === null || URL.canParse(databaseUrl)) return;
  throw new Refusal(
    "database_url_invalid",
    "DATABASE_URL is not of the form postgres://user:password@host:port/database.",
  );
}

async function reachGiven(databaseUrl: string): Promise<DatabaseServer> {
  const superuser = parseConnection(databaseUrl);
  await withClient(superuser, async () => {}).catch((error: Error) => {
    throw new Refusal(
      "database_unreachable",
      `The server of DATABASE_URL (${superuser.host}:${superuser.port}) does not let us in: ${error.message}`,
    );
  });
  return { superuser, pid: () => null, stop: async () => {} };
}

type Start = () => Promise<Pick<RunningPostgres, "pid" | "exited" | "stop">>;

/** A server that lived this long was well: its next death is the first again. */
const wellMs = 10_000;
const backoffMs = { first: 100, most: 10_000 };

/** Starts a server anew whenever it dies, ever slower while it does not stay alive, until `stop`. */
export function keepRunning(
  first: Awaited<ReturnType<Start>>,
  start: Start,
  log: Log,
): Pick<DatabaseServer, "pid" | "stop"> {
  const stopping = new AbortController();
  let running: Awaited<ReturnType<Start>> | null = first;
  const supervise = async () => {
    for (let deaths = 1; !stopping.signal.aborted; deaths++) {
      const startedMs = performance.now();
      await running?.exited;
      if (stopping.signal.aborted) return;
      if (running) log.error("postgres.died", {});
      if (running && performance.now() - startedMs > wellMs) deaths = 1;
      running = null;
      if (deaths > 1)
        await systemClock.sleep(
          Math.min(backoffMs.most, backoffMs.first * 2 ** (deaths - 2)),
          stopping.signal,
        );
      if (stopping.signal.aborted) return;
      running = await start().catch((error: Error) => {
        log.error("postgres.not_restarted", { deaths, error });
        return null;
      });
    }
    await running?.stop(); // it came up while we were told to stop
  };
  const supervised = supervise();
  return {
    pid: () => running?.pid ?? null,
    stop: async () => {
      stopping.abort();
      await running?.stop();
      await supervised;
    },
  };
}

const ownOptions = ({ dataDirectory, log }: Options) => ({
  dataDirectory: databaseDirectory(dataDirectory),
  secretsDirectory: dataDirectory,
  log,
});

/** Root cannot run PostgreSQL below a closed home directory such as /root: then its files lie in /var/lib, from the first start on. */
async function startOwn(options: Options): Promise<RunningPostgres> {
  const own = ownOptions(options);
  const inside = dirname(own.dataDirectory);
  await refuseLostPlace(inside);
  try {
    return await startPostgres(own);
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== "directory_unreachable") throw error;
    if (!(await linkOutside(options, inside))) throw error;
  }
  return await startPostgres(own);
}

/** The data directory was carried to another machine, or what lay outside was removed. */
async function refuseLostPlace(inside: string): Promise<void> {
  const target = await readlink(inside).catch(() => null);
  if (target === null || (await exists(target))) return;
  throw new Refusal(
    "database_lost",
    `The database of ${dirname(inside)} lay in ${target}, and that directory is gone. Bring it back from there, or from your backup, and start again.`,
  );
}

/** False when there is a database inside already (a new one outside would look as if all was lost), or no place outside. */
async function linkOutside(
  { log, outside = "/var/lib/strongroom" }: Options,
  inside: string,
): Promise<boolean> {
  if (await exists(join(inside, "data"))) return false;
  const target = join(outside, randomBytes(8).toString("hex"));
  try {
    await mkdir(target, { recursive: true });
    for (const directory of [outside, target]) await chmod(directory, 0o711); // whatever the umask says
    await rmdir(inside);
    await symlink(target, inside);
  } catch {
    return false; // the caller's refusal says what to do
  }
  log.warn("postgres.outside", { directory: target });
  return true;
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
