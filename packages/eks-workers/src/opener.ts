import { checkFixity, oldestFixityMs } from "@strongroom/core/retention/check-fixity";
import type { Lock } from "@strongroom/core/ports/database";
import type { Running, Worker, WorkerContext } from "./worker.ts";

/**
 * Documents in one round. With rounds `fixityRound` (10 s) apart one opener reads back at most 5 documents a second: 39
 * million in 90 days.
 */
const atMost = 50;

/** The only worker that may open stored keys: reads back what is stored, round by round; of many openers one is active. */
export const opener: Worker = async (context): Promise<Running> => ({
  done: keepChecking(context, atMost),
  isolation: null,
});

/** Checks at most `perRound` documents in each round. Told to stop, it lets go of the one in hand: it stays due. */
export async function keepChecking(context: Omit<WorkerContext, "name">, perRound: number): Promise<void> {
  const { ports, stopping, vitals } = context;
  vitals?.addGauge({
    name: "strongroom_fixity_oldest_seconds",
    help: "Since the last check of the stored document that was longest not checked; 0 when none is stored.",
    read: async () => [{ value: ((await oldestFixityMs(ports)) ?? 0) / 1_000 }],
  });
  while (!stopping.aborted) {
    const lock = await ports.database.lock("strongroom.fixity").catch((error: Error) => {
      ports.log.warn("opener.lock_failed", { error });
      return undefined;
    });
    vitals?.round(lock !== undefined);
    if (lock) await checkWhileHeld(context, lock, perRound);
    else await ports.clock.sleep(ports.config.periods.fixityRound, stopping);
  }
}

async function checkWhileHeld(
  { ports, stopping, vitals }: Omit<WorkerContext, "name">,
  lock: Lock,
  perRound: number,
): Promise<void> {
  const until = AbortSignal.any([stopping, lock.lost]);
  while (!until.aborted) {
    try {
      for (const found of await checkFixity(ports, { atMost: perRound, signal: until }))
        vitals?.count("strongroom_fixity_checked_total", { found });
      vitals?.round(true);
    } catch (error) {
      if (until.aborted) break;
      vitals?.round(false);
      ports.log.warn("opener.round_failed", { error: error as Error });
    }
    await ports.clock.sleep(ports.config.periods.fixityRound, until);
  }
  await lock.release().catch(() => {}); // it is lost already
}
