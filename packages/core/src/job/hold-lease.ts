import { sql } from "kysely";
import { isOutage } from "../database/outage.ts";
import type { Ports } from "../ports/ports.ts";
import type { Claim } from "./claim-document.ts";

/** The lease went to somebody else (or ended): this worker is a zombie and drops its work without touching anything. */
export class LeaseLost extends Error {
  override readonly name = "LeaseLost";
}

type HoldPorts = Pick<Ports, "database" | "clock" | "config" | "log">;

/**
 * Runs `work` under a lease that is renewed by a beat; its signal aborts with `LeaseLost` once the lease is gone.
 * A beat that meets an outage, or has no answer after a third of a lease, is tried again; when beats fail for a whole lease,
 * the lease counts as lost.
 */
export async function holdLease<T>(
  ports: HoldPorts,
  claim: Claim,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const lost = new AbortController();
  const done = new AbortController();
  const beating = beat(ports, claim, lost, done.signal);
  try {
    return await work(lost.signal);
  } finally {
    done.abort();
    await beating;
  }
}

async function beat(ports: HoldPorts, claim: Claim, lost: AbortController, done: AbortSignal): Promise<void> {
  let renewedAt = ports.clock.monotonicMs();
  while (!done.aborted && !lost.signal.aborted) {
    await ports.clock.sleep(ports.config.periods.beat, done);
    if (done.aborted) return;
    const renewed = await answerWithin(ports, ports.config.periods.lease / 3, tryToRenew(ports, claim));
    if (renewed) renewedAt = ports.clock.monotonicMs();
    const silentMs = ports.clock.monotonicMs() - renewedAt;
    if (renewed === false || silentMs >= ports.config.periods.lease)
      lost.abort(new LeaseLost("the lease went to another worker"));
  }
}

/** Null when no answer came in time: a database that hangs must not keep a worker for ever. */
async function answerWithin<T>(
  { clock }: HoldPorts,
  limitMs: number,
  answering: Promise<T>,
): Promise<T | null> {
  const answered = new AbortController();
  const late = clock.sleep(limitMs, answered.signal).then(() => null);
  try {
    return await Promise.race([answering, late]);
  } finally {
    answered.abort();
  }
}

/** Null when it is not known whether the lease was renewed. */
async function tryToRenew(ports: HoldPorts, claim: Claim): Promise<boolean | null> {
  try {
    return await renew(ports, claim);
  } catch (error) {
    if (!isOutage(error))
      ports.log.error("lease.beat_failed", { documentId: claim.document.id, error: error as Error });
    return null;
  }
}

async function renew(ports: HoldPorts, { document, token }: Claim): Promise<boolean> {
  const rows = await ports.database.inOneTrip(document.tenant_id as never, (tx) =>
    tx
      .updateTable("document")
      .set({
        lease_until: sql`clock_timestamp() + ${ports.config.periods.lease}::float8 * interval '1 millisecond'`,
      })
      .where("tenant_id", "=", document.tenant_id)
      .where("id", "=", document.id)
      .where("state", "=", "processing")
      .where("lease_token", "=", token)
      .where("lease_until", "is not", null) // what was given back is not taken again by a beat that comes late
      .returning("id")
      .execute(),
  );
  return rows.length > 0;
}
