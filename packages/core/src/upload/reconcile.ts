import { sql } from "kysely";
import { ringSilent } from "../job/ring-silent.ts";
import { sweepDeadLetters } from "../job/sweep-dead-letters.ts";
import type { Ports } from "../ports/ports.ts";
import { clearErased } from "../retention/clear-erased.ts";
import { finishErasures } from "../retention/finish-erasures.ts";
import { clearStaging } from "./clear-staging.ts";
import { expireGrants, receiveSilent } from "./expire-grants.ts";
import type { ReceivePorts } from "./receive-document.ts";
import { type RoundCounts, runRound } from "./round.ts";

/**
 * One round of the reconciler, which makes good what got lost between two steps: bells, events, grants, staging, dead
 * letters. Each step takes so many documents that the next round is not late. One holder at a time; null when it is another.
 */
export async function reconcile(ports: ReceivePorts): Promise<RoundCounts | null> {
  return await runRound(ports, "reconcile", {
    rung: ringSilent,
    received: receiveSilent,
    expired: expireGrants,
    deadLetters: sweepDeadLetters,
    stagingCleared: clearStaging,
    erasuresFinished: finishErasures,
    erasedCleared: clearErased,
    eventsPruned: pruneOutbox,
  });
}

/** Only published events are pruned. */
async function pruneOutbox({ database, config }: Pick<Ports, "database" | "config">): Promise<number> {
  const { numDeletedRows } = await database.system
    .deleteFrom("outbox")
    .where(
      "published_at",
      "<",
      sql<Date>`clock_timestamp() - ${config.periods.keepPublished}::float8 * interval '1 millisecond'`,
    )
    .executeTakeFirst();
  return Number(numDeletedRows);
}
