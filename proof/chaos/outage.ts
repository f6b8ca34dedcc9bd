import { withClient } from "@strongroom/core/database/roles";
import type { Scene } from "./injuries.ts";
import { probeGrants } from "./probe-grants.ts";

/** What may be away while documents go on being stored. */
const unneeded = new Set(["push", "stream"]);

/**
 * Takes a dependency away that lives in one table, by a lock that nobody gets past, and asks for grants meanwhile. Where
 * documents go on being stored it is written down how many were, if any was there to be stored.
 */
export async function withoutTable(scene: Scene, outage: string, table: string): Promise<void> {
  const { installation, history, sleep, outageMs, slowness } = scene;
  await withClient(installation.superuser, async (client) => {
    await client.query("begin");
    await client.query(`lock table ${table} in access exclusive mode`);
    const { rows } = await client.query<{ since: string; waiting: number }>(
      `select clock_timestamp()::text as since,
         (select count(*)::int from document where state in ('received', 'processing')) as waiting`,
    );
    const { since, waiting } = rows[0]!;
    const look = async () => {
      const { rows: found } = await client.query<{ stored: number; came: number }>(
        `select count(*) filter (where state in ('stored', 'rejected') and settled_at > $1::timestamptz)::int as stored,
           count(*) filter (where received_at > $1::timestamptz)::int as came from document`,
        [since],
      );
      return found[0]!;
    };
    await probeGrants(scene, outage);
    if (unneeded.has(outage)) {
      let { stored, came } = await look();
      // A processor that was killed just before needs its time to start.
      for (let waits = 0; stored === 0 && came + waiting > 0 && waits < 5 * slowness; waits++) {
        await sleep(outageMs);
        ({ stored, came } = await look());
      }
      if (stored + came + waiting > 0) history.write({ what: "during", outage, stored });
    }
    await client.query("rollback");
  });
}
