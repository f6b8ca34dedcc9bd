import { ago } from "../database/ago.ts";
import type { Ports } from "../ports/ports.ts";

/** Rows that a round takes, as of the outbox. */
const prunedAtOnce = 10_000;

/**
 * Forgets, the oldest first, which facts were told once no stream has them any more. That a version was told is remembered
 * for good.
 */
export async function pruneInbox({ database, config }: Pick<Ports, "database" | "config">): Promise<number> {
  const over = ago(config.periods.keepTold);
  const last = await database.system
    .selectFrom("inbox")
    .select("at")
    .where("at", "<", over)
    .orderBy("at")
    .offset(prunedAtOnce - 1)
    .limit(1)
    .executeTakeFirst();
  const { numDeletedRows } = await database.system
    .deleteFrom("inbox")
    .where("at", "<", over)
    .$if(last !== undefined, (query) => query.where("at", "<=", last!.at))
    .executeTakeFirst();
  return Number(numDeletedRows);
}
