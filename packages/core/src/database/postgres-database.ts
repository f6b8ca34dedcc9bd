import { Kysely, PostgresDialect, sql } from "kysely";
import pg from "pg";
import type { Connection, Database, Lock } from "../ports/database.ts";
import { sessionLimits } from "./roles.ts";
import { StatementNames } from "./statement-names.ts";
import type { Tables } from "./tables.ts";
import { inOneTrip, withTenant } from "./with-tenant.ts";

const bigint = 20;
/** bigint columns hold sizes, tokens and sequences below 2^53: they are read as numbers. */
const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: "text") =>
    oid === bigint ? Number : pg.types.getTypeParser(oid, format)) as never,
};

/** How to come to a database: the password may be made anew for every connection, and TLS may be asked for. */
export type DatabaseAccess = Omit<Connection, "password"> & {
  password: string | (() => Promise<string>);
  ssl?: { ca?: string };
  /** Connections older than this are not used again. */
  maxLifetimeSeconds?: number;
};

type Options = {
  connections: Record<"app" | "system", DatabaseAccess>;
  maxConnections: number;
  /**
   * Whether connections keep plans and ask for the limits of their sessions. Not behind a proxy, which hands one session to
   * many clients and refuses who asks: there the limits are those of the roles (roles.ts). Default true.
   */
  keepsPlans?: boolean;
};

/** PostgreSQL over TCP, as app and as system. */
export function createPostgresDatabase({
  connections,
  maxConnections,
  keepsPlans = true,
}: Options): Database {
  const limits = keepsPlans ? sessionLimits : {};
  const app = {
    pool: poolFor(connections.app, maxConnections, limits),
    names: keepsPlans ? new StatementNames() : null,
  };
  const systemPool = poolFor(connections.system, 4, limits);
  const system = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: systemPool }) });
  return {
    withTenant: (tenantId, work) => withTenant(app, tenantId, work),
    inOneTrip: (tenantId, work) => inOneTrip(app, tenantId, work),
    system,
    lock: (name) => lock(connections.system, name),
    ping: async () => void (await sql`select 1`.execute(system)),
    close: async () => void (await Promise.all([app.pool.end(), system.destroy()])),
  };
}

function poolFor(access: DatabaseAccess, max: number, limits: Partial<typeof sessionLimits>): pg.Pool {
  const pool = new pg.Pool({
    ...access,
    ...limits,
    max,
    types,
    pipeline: true,
    keepAlive: true,
    connectionTimeoutMillis: 2_000, // a grant answers within two seconds, also when the database is gone
  });
  pool.on("error", () => {}); // an idle connection was lost: the pool has dropped it and opens another when asked
  // A connection at work was lost: its query fails and tells. Without a listener the event would end the process.
  pool.on("connect", (client) => client.on("error", () => {}));
  return pool;
}

async function lock(access: DatabaseAccess, name: string): Promise<Lock | null> {
  const client = new pg.Client({ ...access, keepAlive: true, connectionTimeoutMillis: 2_000 });
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
