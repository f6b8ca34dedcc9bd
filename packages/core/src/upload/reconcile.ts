import { ago } from "../database/ago.ts";
import { isAnyOf } from "../database/is-any-of.ts";
import { ringSilent } from "../job/ring-silent.ts";
import { sweepDeadLetters } from "../job/sweep-dead-letters.ts";
import { pruneInbox } from "../notice/prune-inbox.ts";
import type { Ports } from "../ports/ports.ts";
import { clearErased } from "../retention/clear-erased.ts";
import { finishErasures } from "../retention/finish-erasures.ts";
import { storeForStep } from "../step-store.ts";
import { clearStaging } from "./clear-staging.ts";
import { expireGrants, receiveSilent } from "./expire-grants.ts";
import type { ReceivePorts } from "./receive-document.ts";
import { type RoundCounts, runRound } from "./round.ts";

/**
 * One round of the reconciler, which makes good what got lost between two steps: bells, events, grants, staging, dead
 * letters. No step that needs the store asks it for longer than twice `stepMs`, so that the next round is not late. The first two mend
 * nothing: what they count is watched, since a relay that is dead and an opener say nothing to whoever reads the logs of functions.
 * One holder at a time; null when it is another.
 */
export async function reconcile(ports: ReceivePorts): Promise<RoundCounts | null> {
  return await runRound(ports, "reconcile", {
    factsLate: countLateFacts,
    fixityFaults: countFixityFaults,
    rung: ringSilent,
    received: notHanging(receiveSilent),
    expired: notHanging(expireGrants),
    deadLetters: notHanging(sweepDeadLetters),
    stagingCleared: notHanging(clearStaging),
    erasuresFinished: notHanging(finishErasures),
    erasedCleared: notHanging(clearErased),
    eventsPruned: pruneOutbox,
    noticesPruned: pruneInbox,
  });
}

/** A step that does not hang when the store does. */
const notHanging =
  (step: (ports: ReceivePorts) => Promise<number>) =>
  (ports: ReceivePorts): Promise<number> =>
    step({ ...ports, objects: storeForStep(ports) });

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

/** More than so many are not counted. */
const countedAtMost = 1_000;

/** Facts that nobody publishes: `factLate` old, and still waiting. */
async function countLateFacts({ database, config }: Pick<Ports, "database" | "config">): Promise<number> {
  const late = await database.system
    .selectFrom("outbox")
    .select("id")
    .where("published_at", "is", null)
    .where("created_at", "<", ago(config.periods.factLate))
    .orderBy("id")
    .limit(countedAtMost)
    .execute();
  return late.length;
}

/** Stored documents that were not intact when they were last read back. */
async function countFixityFaults({ database }: Pick<Ports, "database">): Promise<number> {
  const faulty = await database.system
    .selectFrom("document")
    .select("id")
    .where("state", "=", "stored")
    .where("fixity_fault", "is not", null)
    .limit(countedAtMost)
    .execute();
  return faulty.length;
}
