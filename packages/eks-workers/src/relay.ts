import { chainAudit } from "@strongroom/core/audit/chain-audit";
import { checkpointAudit } from "@strongroom/core/audit/checkpoint-audit";
import { relayEvents } from "@strongroom/core/event/relay-events";
import type { Lock } from "@strongroom/core/ports/database";
import { Availability } from "./availability.ts";
import type { Gauge, Vitals } from "./vitals.ts";
import type { Running, Worker, WorkerContext } from "./worker.ts";

/** Chains the audit, signs receipts and publishes the outbox; of many relays the one that holds the lock is active. */
export const relay: Worker = async (context): Promise<Running> => ({ done: run(context), isolation: null });

async function run(context: WorkerContext): Promise<void> {
  const { ports, stopping, vitals } = context;
  vitals?.addGauge(unpublishedAge(ports));
  while (!stopping.aborted) {
    const lock = await ports.database.lock("strongroom.relay").catch((error: Error) => {
      ports.log.warn("relay.lock_failed", { error });
      return undefined;
    });
    vitals?.round(lock !== undefined);
    if (lock) await relayWhileHeld(context, lock);
    else await ports.clock.sleep(ports.config.periods.relay * 4, stopping);
  }
}

/** Facts are published within a second: an old one means that no relay is active, or the stream is away. */
const unpublishedAge = (ports: WorkerContext["ports"]): Gauge => ({
  name: "strongroom_oldest_unpublished_seconds",
  help: "Age of the oldest fact in the outbox that is not in the stream; 0 when all are.",
  read: async () => {
    const oldest = await ports.database.system
      .selectFrom("outbox")
      .select("created_at")
      .where("published_at", "is", null)
      .orderBy("id")
      .limit(1)
      .executeTakeFirst();
    const ageMs = oldest ? ports.clock.now().getTime() - oldest.created_at.getTime() : 0;
    return [{ value: Math.max(0, ageMs) / 1_000 }];
  },
});

async function relayWhileHeld({ ports, stopping, vitals }: WorkerContext, lock: Lock): Promise<void> {
  ports.log.info("relay.active");
  const until = AbortSignal.any([stopping, lock.lost]);
  const resting = new Map<string, number>();
  const needs = new Availability(ports);
  const next = { checkpointAt: 0 };
  while (!until.aborted) {
    try {
      const busy = await round(ports, resting, needs, vitals);
      await checkpoint(ports, next);
      vitals?.round(true);
      if (busy) continue;
    } catch (error) {
      vitals?.round(false);
      ports.log.warn("relay.round_failed", { error: error as Error });
    }
    await ports.clock.sleep(ports.config.periods.relay, until);
  }
  await lock.release().catch(() => {}); // it is lost already
}

/** One checkpoint in its period; one that fails is tried again after a tenth of it. */
async function checkpoint(ports: WorkerContext["ports"], next: { checkpointAt: number }): Promise<void> {
  const now = ports.clock.monotonicMs();
  if (now < next.checkpointAt) return;
  next.checkpointAt = now + ports.config.periods.checkpoint / 10;
  await checkpointAudit(ports);
  next.checkpointAt = now + ports.config.periods.checkpoint;
}

/**
 * One round; keys that failed rest for ten rounds. Where only faults are met, one fact is tried now and then, of another key
 * each time: one that can never be published must not take every try. Whether there is likely more to do at once.
 */
async function round(
  ports: WorkerContext["ports"],
  resting: Map<string, number>,
  needs: Availability,
  vitals: Vitals | undefined,
): Promise<boolean> {
  const now = ports.clock.monotonicMs();
  if (!needs.seemsAway) for (const [key, until] of resting) if (until <= now) resting.delete(key);
  const chained = await chainAudit(ports).catch((error: Error) => {
    ports.log.error("audit.not_chained", { error }); // events and receipts do not wait for it
    return 0;
  });
  if (!needs.mayTry()) return false;
  const passedOver = new Set(resting.keys());
  const isAway = needs.seemsAway;
  const { published, failed } = await relayEvents(ports, { passedOver, ...(isAway && { most: 1 }) });
  if (isAway && published + failed.length === 0) resting.clear(); // each key has had its try
  for (const key of failed) needs.failed(key);
  if (published > 0) needs.worked();
  for (let fact = 0; fact < published; fact += 1) vitals?.count("strongroom_facts_published_total");
  for (let key = 0; key < failed.length; key += 1) vitals?.count("strongroom_facts_failed_total");
  for (const key of failed) resting.set(key, now + ports.config.periods.relay * 10);
  if (published > 0) ports.log.info("relay.published", { published, failed: failed.length, chained });
  return published >= 100;
}
