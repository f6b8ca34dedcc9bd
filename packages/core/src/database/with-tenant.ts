import { Kysely, PostgresDialect } from "kysely";
import type pg from "pg";
import type { TenantId } from "../ids.ts";
import type { Transaction } from "../ports/database.ts";
import type { Tables } from "./tables.ts";

/**
 * Runs `work` in one transaction inside one tenant. `begin` and `enter_tenant` are pipelined before the first statement
 * of `work`, so a transaction of one statement costs two round trips. A client that could not roll back is discarded.
 */
export async function withTenant<T>(
  pool: pg.Pool,
  tenantId: TenantId,
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    const opening = Promise.all([client.query("begin"), client.query("select enter_tenant($1)", [tenantId])]);
    opening.catch(() => {}); // awaited below; without this a fault of `work` would leave it unhandled
    const tx = transactionOn(client, tenantId);
    await tx.connection().execute(async () => {}); // no round trip: without it, a second statement may overtake the first
    const result = await work(tx);
    await opening;
    await commit(client);
    return result;
  } catch (error) {
    await client.query("rollback").catch((lost: Error) => (broken = lost));
    throw error;
  } finally {
    client.release(broken);
  }
}

/** PostgreSQL answers ROLLBACK to the commit of a transaction in which a statement failed, and calls that a success. */
async function commit(client: pg.PoolClient): Promise<void> {
  const { command } = await client.query("commit");
  if (command !== "COMMIT") throw new Error("the transaction was rolled back: a statement in it had failed");
}

function transactionOn(client: pg.PoolClient, tenantId: TenantId): Transaction {
  const borrowed = { query: client.query.bind(client), release: () => {} } as unknown as pg.PoolClient;
  const pool = { options: {}, connect: async () => borrowed, end: async () => {} };
  const kysely = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
  return Object.assign(kysely, { insideTenant: tenantId });
}
