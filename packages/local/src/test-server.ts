import { spawn } from "node:child_process";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureRoles, prepareDatabase, roleName } from "@strongroom/core/database/roles";
import { silentLog } from "@strongroom/core/log";
import type { Connection } from "@strongroom/core/ports/database";
import { startPostgres } from "./postgres.ts";

/** A PostgreSQL of one test's own, which may be killed. */
export type TestServer = {
  superuser: Connection;
  /** A database named `strongroom`, not migrated, as the embedded role. */
  embedded: Connection;
  /** Kills the server with SIGKILL; resolves when it has ended. */
  kill(): Promise<void>;
  /** Starts it again after `kill`, on the same port. */
  restart(): Promise<void>;
  /** Stops it and removes its files. */
  stop(): Promise<void>;
};

/** Makes and starts a server in a temporary directory; about a second. */
export async function testServer(): Promise<TestServer> {
  const directory = await mkdtemp(join(tmpdir(), "strongroom-test-"));
  await chmod(directory, 0o711);
  const options = { dataDirectory: join(directory, "postgres"), durable: false, log: silentLog };
  let running = await startPostgres(options);
  const forget = onEarlyEnd(() => {
    process.kill(running.pid, "SIGQUIT");
    // the server writes until it has ended, which this process does not live to see
    spawn("sh", ["-c", 'sleep 1; rm -rf "$0"', directory], { detached: true, stdio: "ignore" }).unref();
  });
  const { host, port, superuser } = running;
  return {
    superuser: { host, port, database: "postgres", ...superuser },
    embedded: {
      host,
      port,
      database: "strongroom",
      user: roleName("embedded"),
      password: superuser.password,
    },
    async kill() {
      process.kill(running.pid, "SIGKILL");
      await running.exited;
    },
    async restart() {
      running = await startPostgres({ ...options, port });
    },
    async stop() {
      forget();
      await running.stop();
      await rm(directory, { recursive: true });
    },
  };
}

/** Calls `clear` when this process ends before the answer of this function was called, by a signal or otherwise. */
function onEarlyEnd(clear: () => void): () => void {
  const quit = () => process.exit(1);
  process.once("exit", clear).once("SIGTERM", quit).once("SIGHUP", quit);
  return () => void process.off("exit", clear).off("SIGTERM", quit).off("SIGHUP", quit);
}

/** Makes the roles, all with the superuser's password, and the database `strongroom`. */
export async function prepareTestServer({ superuser }: TestServer): Promise<void> {
  const { password } = superuser;
  await ensureRoles(superuser, { owner: password, app: password, system: password, embedded: password });
  await prepareDatabase(superuser, "strongroom");
}
