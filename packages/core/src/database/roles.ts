import pg from "pg";
import type { Connection, DatabaseRole } from "../ports/database.ts";
import { databaseRoles } from "../ports/database.ts";

/** PostgreSQL's name of a role. */
export const roleName = (role: DatabaseRole): string => `strongroom_${role}`;

/** Milliseconds after which PostgreSQL ends a statement of those who serve, and a transaction that waits for its client. */
export const sessionLimits = {
  statement_timeout: 15_000,
  idle_in_transaction_session_timeout: 30_000,
} as const;

/**
 * Makes the roles of Strongroom, or gives them these passwords; none is superuser or may bypass row-level security.
 * Safe to call again.
 */
export async function ensureRoles(
  superuser: Connection,
  passwords: Record<DatabaseRole, string>,
): Promise<void> {
  await withClient(superuser, async (client) => {
    await client.query("select pg_advisory_lock(hashtextextended('strongroom.roles', 0))");
    for (const role of databaseRoles)
      await ensureRole(client, roleName(role), `login password ${literal(client, passwords[role])}`);
    for (const role of ["app", "system"] as const) await limitSessions(client, roleName(role));
    await ensureRole(client, "strongroom_search", "nologin");
    await client.query("grant strongroom_search to strongroom_owner with set true");
  });
}

/** Gives a role the limits of its sessions: RDS Proxy refuses connections that ask for them. Changes what is not so already. */
export async function limitSessions(client: pg.Client, name: string): Promise<void> {
  const { rows } = await client.query<{ rolconfig: string[] | null }>(
    "select rolconfig from pg_roles where rolname = $1",
    [name],
  );
  for (const [setting, limit] of Object.entries(sessionLimits))
    if (!rows[0]?.rolconfig?.includes(`${setting}=${limit}`))
      await client.query(`alter role ${client.escapeIdentifier(name)} set ${setting} = ${limit}`);
}

/** Makes the database if it is missing, owned by the owner role, and the schema in which queue and stream live. */
export async function prepareDatabase(superuser: Connection, database: string): Promise<void> {
  await withClient(superuser, async (client) => {
    const { rowCount } = await client.query("select 1 from pg_database where datname = $1", [database]);
    if (rowCount === 0)
      await client.query(`create database ${client.escapeIdentifier(database)} owner strongroom_owner`);
  });
  await withClient({ ...superuser, database }, async (client) => {
    await client.query("grant create on schema public to strongroom_owner");
    await client.query("create schema if not exists embedded authorization strongroom_embedded");
  });
}

/** A connection over TLS, or with settings of its session (`-c name=value`), where need be. */
export type Access = Connection & { ssl?: { ca?: string }; options?: string };

/** Opens a client, hands it to `work`, closes it. */
export async function withClient<T>(connection: Access, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ ...connection, connectionTimeoutMillis: 10_000 });
  client.on("error", () => {}); // a lost connection fails the query that runs; there is nobody else to tell
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function ensureRole(client: pg.Client, name: string, options: string): Promise<void> {
  const { rowCount } = await client.query("select 1 from pg_roles where rolname = $1", [name]);
  const verb = rowCount === 0 ? "create" : "alter";
  await client.query(
    `${verb} role ${client.escapeIdentifier(name)} nosuperuser nobypassrls nocreatedb nocreaterole ${options}`,
  );
}

const literal = (client: pg.Client, text: string): string => client.escapeLiteral(text);
