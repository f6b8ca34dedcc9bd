import { chmod, chown, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withClient } from "@strongroom/core/database/roles";
import { silentLog } from "@strongroom/core/log";
import type { Connection } from "@strongroom/core/ports/database";
import { runningAsRoot, unprivilegedId } from "../postgres-binaries.ts";
import { startPostgres } from "../postgres.ts";
import { type Certificate, makeCertificate } from "./certificate.ts";
import type { Engine } from "./engines.ts";
import { removeDirectory } from "./server-process.ts";

/** A PostgreSQL that speaks TLS, as Aurora does, and lets nobody in without. */
export type PostgresServer = {
  superuser: Connection;
  /** The authority that signed its certificate, in PEM. */
  ca: string;
  stop(): Promise<void>;
};

/** The server of the workspace, without roles and schema of ours. */
export const postgresServer: Engine<PostgresServer> = {
  name: "postgres",
  needs: ["openssl"],
  fetch: async () => {},
  async start() {
    const directory = await mkdtemp(join(tmpdir(), "strongroom-postgres-"));
    await chmod(directory, 0o711);
    const dataDirectory = join(directory, "data");
    const server = await startPostgres({ dataDirectory, durable: false, log: silentLog });
    const { host, port } = server;
    const superuser = { host, port, database: "postgres", ...server.superuser };
    const certificate = await makeCertificate();
    await turnOnTls(superuser, dataDirectory, certificate);
    return {
      superuser,
      ca: certificate.ca,
      async stop() {
        await server.stop();
        await removeDirectory(directory);
      },
    };
  },
};

async function turnOnTls(
  superuser: Connection,
  dataDirectory: string,
  { certificate, key }: Certificate,
): Promise<void> {
  await give(join(dataDirectory, "server.crt"), certificate);
  await give(join(dataDirectory, "server.key"), key);
  await give(join(dataDirectory, "pg_hba.conf"), "hostssl all all 127.0.0.1/32 scram-sha-256\n");
  await withClient(superuser, async (client) => {
    await client.query("alter system set ssl = on");
    await client.query("select pg_reload_conf()");
  });
}

/** PostgreSQL takes a key only from a file that is its own and closed to others. */
async function give(path: string, content: string): Promise<void> {
  await writeFile(path, content, { mode: 0o600 });
  if (runningAsRoot()) await chown(path, unprivilegedId, unprivilegedId);
}
