import { createPostgresDatabase } from "../database/postgres-database.ts";
import type { Connection, Database, DatabaseRole } from "../ports/database.ts";

type Options = {
  connections: Pick<Record<DatabaseRole, Connection>, "app" | "system">;
  maxConnections: number;
};

/** PostgreSQL on this machine, as app and as system. */
export const createEmbeddedDatabase: (options: Options) => Database = createPostgresDatabase;
