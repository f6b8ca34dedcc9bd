import { availableParallelism } from "node:os";
import { Refusal } from "@strongroom/core/errors";
import type { Ports } from "@strongroom/core/ports/ports";
import type { Actor } from "@strongroom/core/user/user";
import { type Leave, TenantPlaces } from "./tenant-places.ts";

/**
 * Searches of one tenant that a process works on at once; half as many while others search, too. Each holds a connection for as
 * long as PostgreSQL searches, and on one machine all tenants share ten (embedded/connect.ts).
 */
export const searchesAtOnce = Math.min(3, availableParallelism());

/** Of all tenants together: the other half of the ten connections is left to whoever does not search. */
export const searchesInAll = 5;

/** What the route has to answer in (20 s), less a statement's 15 s and 2 s for a connection: whoever has a place may use it. */
const patienceMs = 3_000;

const ofTenants = new TenantPlaces(searchesAtOnce);
const ofAll = new TenantPlaces(searchesInAll);

/** Resolves when this tenant may search; throws a Refusal (429) when it had no place, or there was none at all, for 3 s. */
export async function enterSearch(
  { clock }: Pick<Ports, "clock">,
  { tenantId }: Pick<Actor, "tenantId">,
): Promise<Leave> {
  const startedMs = clock.monotonicMs();
  const leaveTenant = await ofTenants.enterIfFree({ clock }, tenantId, patienceMs);
  if (!leaveTenant)
    throw refused("Other searches of your company are still under way. Search again in a moment.");
  const leaveAll = await ofAll.enterIfFree({ clock }, "all", patienceMs - (clock.monotonicMs() - startedMs));
  if (!leaveAll) {
    leaveTenant();
    throw refused("Many people are searching. Search again in a moment.");
  }
  return () => {
    leaveAll();
    leaveTenant();
  };
}

const refused = (message: string): Refusal =>
  new Refusal("too_many_searches", message, { status: 429, retryAfterSeconds: 5 });
