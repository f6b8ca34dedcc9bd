import { sql } from "kysely";
import { collectVault } from "../document/collect-vault.ts";
import { ringSilent } from "../job/ring-silent.ts";
import { sweepDeadLetters } from "../job/sweep-dead-letters.ts";
import type { Ports } from "../ports/ports.ts";
import { clearErased } from "../retention/clear-erased.ts";
import { replayTombstones } from "../retention/replay-tombstones.ts";
import { adoptStaging } from "./adopt-staging.ts";
import { clearStaging, collectStaging } from "./clear-staging.ts";
import { expireGrants, receiveSilent } from "./expire-grants.ts";
import type { ReceivePorts } from "./receive-document.ts";

export type ReconcilePorts = ReceivePorts & Pick<Ports, "database">;

/** What a round did, by the name of the step. */
export type Reconciled = Record<string, number>;

/**
 * One round of the reconciler, which makes good what got lost between two steps: bells, events, grants, staging, dead
 * letters. `sweep` also looks through all of staging and vault: for what a restored database forgot, and for orphans. One
 * holder at a time; null when it is another.
 */
export async function reconcile(
  ports: ReconcilePorts,
  { sweep }: { sweep: boolean },
): Promise<Reconciled | null> {
  const lock = await ports.database.lock("strongroom.reconcile");
  if (!lock) return null;
  try {
    return await round(ports, sweep);
  } finally {
    await lock.release();
  }
}

async function round(ports: ReconcilePorts, sweep: boolean): Promise<Reconciled> {
  const done: Reconciled = {};
  const steps: [string, (ports: ReconcilePorts) => Promise<number>][] = [
    ["rung", ringSilent],
    ["received", receiveSilent],
    ["expired", expireGrants],
    ["deadLetters", sweepDeadLetters],
    ["stagingCleared", clearStaging],
    ["erasedCleared", clearErased],
    ["eventsPruned", pruneOutbox],
  ];
  if (sweep)
    steps.push(
      ["tombstonesReplayed", replayTombstones],
      ["stagingAdopted", adoptStaging],
      ["stagingOrphans", collectStaging],
      ["vaultOrphans", collectVault],
    );
  for (const [name, step] of steps)
    done[name] = await step(ports).catch((error: Error) => tell(ports, name, error));
  return done;
}

/** A step that fails does not keep the others from their work. */
function tell(ports: ReconcilePorts, step: string, error: Error): number {
  ports.log.error("reconcile.step_failed", { step, error });
  return 0;
}

/** Only published events are pruned. */
async function pruneOutbox(ports: ReconcilePorts): Promise<number> {
  const { numDeletedRows } = await ports.database.system
    .deleteFrom("outbox")
    .where(
      "published_at",
      "<",
      sql<Date>`clock_timestamp() - ${ports.config.periods.keepPublished}::float8 * interval '1 millisecond'`,
    )
    .executeTakeFirst();
  return Number(numDeletedRows);
}
