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

/** What the route has to answer in (20 s), less a statement's 15 s and 2 s for a connection: whoever has a place may use it. */
const patienceMs = 3_000;

const places = new TenantPlaces(searchesAtOnce);

/** Resolves when this tenant may search; throws a Refusal (429) when it had no place for 3 s. */
export async function enterSearch(ports: Pick<Ports, "clock">, { tenantId }: Actor): Promise<Leave> {
  const leave = await places.enterIfFree(ports, tenantId, patienceMs);
  if (leave) return leave;
  throw new Refusal(
    "too_many_searches",
    "Other searches of your company are still under way. Search again in a moment.",
    { status: 429, retryAfterSeconds: 5 },
  );
}
