import { Refusal } from "../errors.ts";
import type { Ports } from "../ports/ports.ts";

const cacheKey = "oldest-waiting";
const cacheMs = 1_000;

/** Age in milliseconds of the oldest document that waits to be processed, over all tenants; null when none waits. */
export async function oldestWaitingMs(ports: Pick<Ports, "database" | "clock">): Promise<number | null> {
  const row = await ports.database.system
    .selectFrom("document")
    .select(({ fn }) => fn.min("received_at").as("since"))
    .where("state", "in", ["received", "processing"])
    .executeTakeFirst();
  return row?.since ? Math.max(0, ports.clock.now().getTime() - row.since.getTime()) : null;
}

/** Refuses new work while the oldest waits too long already: 503 with Retry-After, so that nothing is promised in vain. */
export async function checkOverload(ports: Pick<Ports, "database" | "cache" | "clock" | "config">): Promise<void> {
  const known = await ports.cache.get(cacheKey);
  const ageMs = known === null ? ((await oldestWaitingMs(ports)) ?? 0) : Number(known);
  if (known === null) await ports.cache.set(cacheKey, String(ageMs), cacheMs);
  if (ageMs <= ports.config.periods.overload) return;
  throw new Refusal("overloaded", "More documents are waiting than we can process in time. Keep the photo, it will be sent later.", {
    status: 503,
    retryAfterSeconds: 60,
  });
}
