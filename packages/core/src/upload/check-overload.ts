import type { Kysely } from "kysely";
import type { Tables } from "../database/tables.ts";
import { Refusal } from "../errors.ts";
import type { Transaction } from "../ports/database.ts";
import type { Ports } from "../ports/ports.ts";

/** Age in milliseconds of the oldest document that waits to be processed, over all tenants; null when none waits. */
export async function oldestWaitingMs(ports: Pick<Ports, "database" | "clock">): Promise<number | null> {
  const row = await oldestUnsettled(ports.database.system).executeTakeFirst();
  return row?.since ? Math.max(0, ports.clock.now().getTime() - row.since.getTime()) : null;
}

/**
 * Since when the tenant's oldest document waits for nothing but a free worker; null when none does. One that kills its
 * worker again and again, rests after a fault, or was sent its way again just now, however long ago it was received, is no
 * sign of too much work: it must not close the intake.
 */
export async function unattendedSince(
  { clock, config }: Pick<Ports, "clock" | "config">,
  tx: Transaction,
): Promise<Date | null> {
  const lately = new Date(clock.now().getTime() - config.periods.overload);
  const row = await oldestUnsettled(tx)
    .where("tenant_id", "=", tx.insideTenant)
    .where("lease_until", "is", null)
    .where("retry_at", "is", null)
    .where("changed_at", "<", lately)
    .where("received_at", "<", new Date(lately.getTime() + 1_000)) // follows from it, and bounds the index
    .executeTakeFirst();
  return row?.since ?? null;
}

/** Since when the oldest waits, of all that `database` may see. */
export function oldestUnsettled(database: Kysely<Tables>) {
  return database
    .selectFrom("document")
    .select(({ fn }) => fn.min("received_at").as("since"))
    .where("state", "in", ["received", "processing"]);
}

/**
 * Refuses a tenant's new work while its oldest waits too long already: 503 with Retry-After, so that nothing is promised in
 * vain. What others have waiting does not count: who floods us closes the intake for nobody else.
 */
export function checkOverload(ports: Pick<Ports, "clock" | "config">, since: Date | null): void {
  const waitingMs = since === null ? 0 : ports.clock.now().getTime() - since.getTime();
  if (waitingMs <= ports.config.periods.overload) return;
  throw new Refusal(
    "overloaded",
    "More of your documents are waiting than we can process in time. Keep the photo, it will be sent later.",
    {
      status: 503,
      retryAfterSeconds: 60,
    },
  );
}
