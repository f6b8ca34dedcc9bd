import { ago } from "../database/ago.ts";
import { isAnyOf } from "../database/is-any-of.ts";
import { ringSilent } from "../job/ring-silent.ts";
import { sweepDeadLetters } from "../job/sweep-dead-letters.ts";
import { pruneInbox } from "../notice/prune-inbox.ts";
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
    noticesPruned: pruneInbox,
  });
}

/** Events that a round takes: those of two million documents a day, done within a second or so. */
const prunedAtOnce = 10_000;

/** Only published events are pruned, the oldest first. */
async function pruneOutbox({ database, config }: Pick<Ports, "database" | "config">): Promise<number> {
  const { keepPublished } = config.periods;
  const over = await database.system
    .selectFrom("outbox")
    .select("id")
    .where("published_at", "<", ago(keepPublished))
    .orderBy("published_at")
    .limit(prunedAtOnce)
    .execute();
  if (over.length === 0) return 0;
  const ids = over.map(({ id }) => id);
  const { numDeletedRows } = await database.system
    .deleteFrom("outbox")
    .where(isAnyOf("id", ids))
    .executeTakeFirst();
  return Number(numDeletedRows);
}
