import { Kysely, PostgresDialect, sql } from "kysely";
import pg from "pg";
import type { Connection, Database, Lock } from "../ports/database.ts";
import { steppedDown } from "./outage.ts";
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

/**
 * A server that went away in a failover may close nothing. Then an idle connection is found dead within 20 s (ten probes, a
 * second apart, after these ten), and one at work when its statement is not answered: PostgreSQL would have ended it after
 * 15 s (`statement_timeout`, roles.ts), and what left together with another may wait for that one as long.
 */
const lifeSigns = { keepAlive: true, keepAliveInitialDelayMillis: 10_000, query_timeout: 30_000 } as const;
/** So long the server is waited for when a connection is given back to it. */
const goodbyeMs = 2_000;

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
    ...lifeSigns,
    pipeline: true,
    connectionTimeoutMillis: 2_000, // a grant answers within two seconds, also when the database is gone
  });
  pool.on("error", () => {}); // an idle connection was lost: the pool has dropped it and opens another when asked
  pool.on("connect", (client) => {
    client.on("error", () => {}); // at work it was lost: its query fails and tells. Unheard, the event would end the process
    client.connection.on("errorMessage", ({ code }: pg.DatabaseError) => {
      if (code === steppedDown) void client.end(); // the pool takes none back that is ending
    });
  });
  pool.on("release", (_error, client) => {
    if (client.connection.stream.destroyed) void client.end(); // a statement was not answered: pg tells only later
  });
  return pool;
}

async function lock(access: DatabaseAccess, name: string): Promise<Lock | null> {
  const client = new pg.Client({ ...access, ...lifeSigns, connectionTimeoutMillis: 2_000 });
  const lost = new AbortController();
  client.on("error", (error) => lost.abort(error));
  client.on("end", () => lost.abort(new Error("the connection that holds the lock ended")));
  await client.connect();
  try {
    const held = await client.query<{ held: boolean }>(
      "select pg_try_advisory_lock(hashtextextended($1, 0)) as held",
      [name],
    );
    if (held.rows[0]?.held) return { lost: lost.signal, release: () => leave(client) };
  } catch (error) {
    await leave(client);
    throw error;
  }
  await leave(client);
  return null;
}

/** Ends with the session, so that whoever comes next finds the lock free; a server that is away is not waited for. */
async function leave(client: pg.Client): Promise<void> {
  const timer = setTimeout(() => client.connection.stream.destroy(), goodbyeMs);
  await client.end();
  clearTimeout(timer);
}
