import type { Transaction } from "../ports/database.ts";

/**
 * Documents of one tenant that may wait among the fresh ones of all. What it sends beyond them waits behind everybody's
 * fresh work, so that a flood delays others by eight documents at most; alone, it is served as fast as ever.
 */
export const tenantShare = 8;

/** Documents of the tenant that wait for a worker, counted up to its share: more makes no difference. */
export async function countWaiting(tx: Transaction): Promise<number> {
  const { waiting } = await tx
    .selectFrom((db) =>
      db
        .selectFrom("document")
        .select("id")
        .where("tenant_id", "=", tx.insideTenant)
        .where("state", "=", "received")
        .limit(tenantShare)
        .as("some"),
    )
    .select(({ fn }) => fn.countAll<number>().as("waiting"))
    .executeTakeFirstOrThrow();
  return waiting;
}
