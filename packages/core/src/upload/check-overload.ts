import { Refusal } from "../errors.ts";
import type { TenantId } from "../ids.ts";
import type { Ports } from "../ports/ports.ts";

const cacheMs = 1_000;

type ReadPorts = Pick<Ports, "database" | "clock">;

/** Age in milliseconds of the oldest document that waits to be processed, over all tenants; null when none waits. */
export async function oldestWaitingMs(ports: ReadPorts): Promise<number | null> {
  return ageMs(ports, await oldestUnsettled(ports).executeTakeFirst());
}

/**
 * The same over documents of one tenant that wait for nothing but a free worker. One that kills its worker again and again,
 * or rests after a fault, is no sign of too much work: it must not close the intake.
 */
async function oldestUnattendedMs(ports: ReadPorts, tenantId: TenantId): Promise<number | null> {
  const unattended = oldestUnsettled(ports)
    .where("tenant_id", "=", tenantId)
    .where("lease_until", "is", null)
    .where("retry_at", "is", null);
  return ageMs(ports, await unattended.executeTakeFirst());
}

function oldestUnsettled(ports: ReadPorts) {
  return ports.database.system
    .selectFrom("document")
    .select(({ fn }) => fn.min("received_at").as("since"))
    .where("state", "in", ["received", "processing"]);
}

function ageMs(ports: ReadPorts, row: { since: Date | null } | undefined): number | null {
  return row?.since ? Math.max(0, ports.clock.now().getTime() - row.since.getTime()) : null;
}

/**
 * Refuses a tenant's new work while its oldest waits too long already: 503 with Retry-After, so that nothing is promised in
 * vain. What others have waiting does not count: who floods us closes the intake for nobody else.
 */
export async function checkOverload(
  ports: Pick<Ports, "database" | "cache" | "clock" | "config">,
  tenantId: TenantId,
): Promise<void> {
  const cacheKey = `oldest-waiting:${tenantId}`;
  const known = await ports.cache.get(cacheKey);
  const waitingMs = known === null ? ((await oldestUnattendedMs(ports, tenantId)) ?? 0) : Number(known);
  if (known === null) await ports.cache.set(cacheKey, String(waitingMs), cacheMs);
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
