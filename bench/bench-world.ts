import { randomBytes } from "node:crypto";
import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { formatConnection, readConfig } from "@strongroom/core/config";
import { migrate } from "@strongroom/core/database/migrate";
import { ensureRoles, prepareDatabase, roleName } from "@strongroom/core/database/roles";
import { connectEmbedded, type EmbeddedPorts } from "@strongroom/core/embedded/connect";
import { silentLog } from "@strongroom/core/log";
import type { Connection, DatabaseRole } from "@strongroom/core/ports/database";
import { seed } from "@strongroom/local/seed";
import { startPostgres } from "@strongroom/local/postgres";
import { openWire, type Wire } from "./wire.ts";

/** A durable PostgreSQL and every port of the embedded system, without HTTP and workers. */
export type BenchWorld = { ports: EmbeddedPorts; wire: Wire; owner: Connection; close(): Promise<void> };

/** What app and system send to the database goes over the wire that counts; queue and stream have connections of their own. */
export async function benchWorld(directory: string): Promise<BenchWorld> {
  await chmod(directory, 0o711);
  const server = await startPostgres({ dataDirectory: join(directory, "postgres/data"), log: silentLog });
  const superuser = { host: server.host, port: server.port, database: "postgres", ...server.superuser };
  const password = randomBytes(16).toString("hex");
  await ensureRoles(superuser, { owner: password, app: password, system: password, embedded: password });
  await prepareDatabase(superuser, "strongroom");
  const as = (role: DatabaseRole, port = superuser.port) => ({
    host: superuser.host,
    port,
    database: "strongroom",
    user: roleName(role),
    password,
  });
  await migrate(as("owner"));
  await seed(as("owner"));
  const wire = await openWire(superuser);
  const config = readConfig({
    STRONGROOM_PUBLIC_URL: "http://127.0.0.1",
    STRONGROOM_ISSUER: "http://127.0.0.1/issuer",
    STRONGROOM_AUDIENCE: "strongroom",
    STRONGROOM_DATA: directory,
    STRONGROOM_UPLOAD_KEY: randomBytes(32).toString("hex"),
    STRONGROOM_TICKET_KEY: randomBytes(32).toString("hex"),
    STRONGROOM_DATABASE_URL_APP: formatConnection(as("app", wire.port)),
    STRONGROOM_DATABASE_URL_SYSTEM: formatConnection(as("system", wire.port)),
    STRONGROOM_DATABASE_URL_EMBEDDED: formatConnection(as("embedded")),
  });
  const ports = await connectEmbedded(config, silentLog);
  const close = async () => {
    await ports.close();
    await wire.close();
    await server.stop();
  };
  return { ports, wire, owner: as("owner"), close };
}
