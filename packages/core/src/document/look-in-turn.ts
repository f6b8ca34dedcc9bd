import { type SelectQueryBuilder, sql } from "kysely";
import { ago } from "../database/ago.ts";
import type { Tables } from "../database/tables.ts";
import { TenantId } from "../ids.ts";
import type { Ports } from "../ports/ports.ts";

type LookPorts = Pick<Ports, "database" | "clock">;
type Due = { tenant_id: string; id: string };

/** A step looks for so long at most: a round of the reconciler has some of them, and a minute in all. */
const stepMs = 8_000;
const page = 200;

const lookedAt = sql<Date>`coalesce(rung_at, '-infinity')`;

/**
 * The documents that a step has to look after, each once (twice does no harm: a slow database may show one again), those first
 * whose last look is longest ago, until 8 s are over. A look is noted (`rung_at`) before it is taken: what fails each time, or
 * stays due for long, comes last the next time, and keeps nothing behind it from its turn. `due` selects them, in no order and
 * without a limit.
 */
export async function* lookInTurn<Row extends Due>(
  ports: LookPorts,
  due: () => SelectQueryBuilder<Tables, "document", Row>,
): AsyncGenerator<Row> {
  const startedMs = ports.clock.monotonicMs();
  const tookMs = () => ports.clock.monotonicMs() - startedMs;
  for (let rows: Row[] | null = null; rows === null || rows.length === page;) {
    rows = await due().where(lookedAt, "<", ago(tookMs())).orderBy(lookedAt).limit(page).execute();
    for (const row of rows) {
      if (tookMs() >= stepMs) return;
      await note(ports, row);
      yield row;
    }
  }
}

async function note({ database }: LookPorts, { tenant_id, id }: Due): Promise<void> {
  const tenantId = TenantId.parse(tenant_id);
  await database.inOneTrip(tenantId, (tx) =>
    tx
      .updateTable("document")
      .set({ rung_at: sql`clock_timestamp()` })
      .where((eb) => eb.and({ tenant_id: tenantId, id }))
      .execute(),
  );
}
