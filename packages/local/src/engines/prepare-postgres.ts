import { migrate } from "@strongroom/core/database/migrate";
import { ensureRoles, prepareDatabase, roleName } from "@strongroom/core/database/roles";
import type { Connection } from "@strongroom/core/ports/database";
import { seed } from "../seed.ts";
import type { PostgresServer } from "./postgres.ts";

const password = "not a secret";
const name = "strongroom";

/** A connection that holds the server's certificate against its authority. */
export type TlsConnection = Connection & { ssl: { ca: string } };

/** Roles, schema and people, as the release's own job makes them, over TLS; `admin` is the superuser in that database. */
export async function preparePostgres({ superuser, ca }: PostgresServer): Promise<{
  connections: Record<"app" | "system", Connection>;
  admin: TlsConnection;
}> {
  const ssl = { ca };
  const admin: TlsConnection = { ...superuser, ssl };
  await ensureRoles(admin, { owner: password, app: password, system: password, embedded: password });
  await prepareDatabase(admin, name);
  const as = (role: "owner" | "app" | "system") => ({
    ...superuser,
    database: name,
    user: roleName(role),
    password,
  });
  const owner: TlsConnection = { ...as("owner"), ssl };
  await migrate(owner);
  await seed(owner);
  return { connections: { app: as("app"), system: as("system") }, admin: { ...admin, database: name } };
}
