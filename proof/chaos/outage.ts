import { withClient } from "@strongroom/core/database/roles";
import { leastOffered, settledAtLeast } from "../check/judge-people.ts";
import type { Scene } from "./injuries.ts";
import { probeGrants } from "./probe-grants.ts";

/** What may be away while documents go on being stored. */
const unneeded = new Set(["push", "stream"]);
/** Times its length (or this long, if that is longer) an outage goes on until enough was stored; times the slowness. */
const patience = { outages: 5, ms: 30_000 };
const lookMs = 500;

/**
 * Takes a dependency away that lives in one table, by a lock that nobody gets past, and asks for grants meanwhile. Where
 * documents go on being stored the outage lasts until there was enough to store and enough of it was stored, or until it is
 * clear that this will not be; either way it is written down how many there were and what became of them.
 */
export async function withoutTable(scene: Scene, outage: string, table: string): Promise<void> {
  await withClient(scene.installation.superuser, async (client) => {
    await client.query("begin");
    await client.query(`lock table ${table} in access exclusive mode`);
    const { rows } = await client.query<{ since: string; waiting: number }>(
      `select clock_timestamp()::text as since,
         (select count(*)::int from document where state in ('received', 'processing')) as waiting`,
    );
    const { since, waiting } = rows[0]!;
    const look = async (): Promise<Offered> => {
      const { rows: found } = await client.query<{ stored: number; came: number }>(
        `select count(*) filter (where state in ('stored', 'rejected') and settled_at > $1::timestamptz)::int as stored,
           count(*) filter (where received_at > $1::timestamptz)::int as came from document`,
        [since],
      );
      const { stored, came } = found[0]!;
      return { offered: waiting + came, stored };
    };
    await probeGrants(scene, outage);
    if (unneeded.has(outage))
      scene.history.write({ what: "during", outage, ...(await untilEnough(scene, look)) });
    await client.query("rollback");
  });
}

type Offered = { offered: number; stored: number };

/** A processor that was killed just before needs its time to start, and a document its time to be sent. */
async function untilEnough(scene: Scene, look: () => Promise<Offered>): Promise<Offered> {
  const { outageMs, slowness, sleep, release } = scene;
  const deadline = performance.now() + Math.max(patience.ms, patience.outages * outageMs) * slowness;
  let seen = await look();
  if (seen.offered < leastOffered) release({ more: 2 * leastOffered });
  while (seen.offered < leastOffered || seen.stored < settledAtLeast(seen.offered)) {
    if (performance.now() > deadline) break;
    await sleep(lookMs);
    seen = await look();
  }
  return seen;
}
