import { Kysely, PostgresDialect, sql } from "kysely";
import pg from "pg";
import type { Tables } from "../database/tables.ts";
import { withTenant } from "../database/with-tenant.ts";
import type { Connection, Database, DatabaseRole, Lock } from "../ports/database.ts";

const bigint = 20;
/** bigint columns hold sizes, tokens and sequences below 2^53: they are read as numbers. */
const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: "text") =>
    oid === bigint ? Number : pg.types.getTypeParser(oid, format)) as never,
};

type Options = {
  connections: Pick<Record<DatabaseRole, Connection>, "app" | "system">;
  maxConnections: number;
};

/** PostgreSQL over TCP, as app and as system. */
export function createEmbeddedDatabase({ connections, maxConnections }: Options): Database {
  const app = poolFor(connections.app, maxConnections);
  const systemPool = poolFor(connections.system, 4);
  const system = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: systemPool }) });
  return {
    withTenant: (tenantId, work) => withTenant(app, tenantId, work),
    system,
    lock: (name) => lock(connections.system, name),
    ping: async () => void (await sql`select 1`.execute(system)),
    close: async () => void (await Promise.all([app.end(), system.destroy()])),
  };
}

function poolFor(connection: Connection, max: number): pg.Pool {
  const pool = new pg.Pool({
    ...connection,
    max,
    types,
    pipeline: true,
    keepAlive: true,
    connectionTimeoutMillis: 2_000, // a grant answers within two seconds, also when the database is gone
    statement_timeout: 15_000,
    idle_in_transaction_session_timeout: 30_000,
  });
  pool.on("error", () => {}); // an idle connection was lost: the pool has dropped it and opens another when asked
  // A connection at work was lost: its query fails and tells. Without a listener the event would end the process.
  pool.on("connect", (client) => client.on("error", () => {}));
  return pool;
}

async function lock(connection: Connection, name: string): Promise<Lock | null> {
  const client = new pg.Client({ ...connection, keepAlive: true, connectionTimeoutMillis: 2_000 });
  const lost = new AbortController();
  client.on("error", (error) => lost.abort(error));
  client.on("end", () => lost.abort(new Error("the connection that holds the lock ended")));
  await client.connect();
  const held = await client.query<{ held: boolean }>(
    "select pg_try_advisory_lock(hashtextextended($1, 0)) as held",
    [name],
  );
  if (held.rows[0]?.held) return { lost: lost.signal, release: () => client.end() };
  await client.end();
  return null;
}
