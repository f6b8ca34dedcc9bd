import pg from "pg";
import type { Connection } from "../ports/database.ts";

/** Longest time in which the server finishes or gives up a statement of an embedded adapter. */
const statementLimitMs = 10_000;

/** Settings of a connection that notices a dead server, a silent one and a full one, and throws instead of waiting on. */
export function sessionConfig(connection: Connection, name: string): pg.ClientConfig {
  return {
    ...connection,
    application_name: `strongroom ${name}`,
    connectionTimeoutMillis: 5_000,
    statement_timeout: statementLimitMs,
    query_timeout: statementLimitMs + 5_000,
    keepAlive: true,
  };
}

const names = new Map<string, string>();

/** A statement whose plan each connection keeps, for those that an adapter makes all the time: there are a dozen. */
export function kept(text: string, values: unknown[]): pg.QueryConfig {
  const name = names.get(text) ?? `strongroom_${names.size}`;
  names.set(text, name);
  return { name, text, values };
}

/** A small pool of an adapter's own. A lost connection fails the statement that runs on it and is replaced at the next. */
export function openPool(connection: Connection, name: string): pg.Pool {
  const pool = new pg.Pool({ ...sessionConfig(connection, name), max: 4 });
  pool.on("error", () => {}); // an idle connection was lost: there is nobody to tell
  return pool;
}

/** Runs `sql` once per database, told by whether the table `embedded.<table>` is there; starters wait for each other. */
export async function ensureTables(pool: pg.Pool, table: string, sql: string): Promise<void> {
  const exists = "select to_regclass($1) is not null as exists";
  const name = `embedded.${table}`;
  if ((await pool.query<{ exists: boolean }>(exists, [name])).rows[0]?.exists) return;
  const client = await pool.connect();
  const onError = () => {}; // the statement that runs fails, too
  client.on("error", onError);
  try {
    await client.query("begin");
    await client.query("select pg_advisory_xact_lock(hashtextextended('strongroom.embedded', 0))");
    const { rows } = await client.query<{ exists: boolean }>(exists, [name]);
    if (!rows[0]?.exists) await client.query(sql);
    await client.query("commit");
    client.off("error", onError);
    client.release();
  } catch (error) {
    client.release(true);
    throw error;
  }
}
