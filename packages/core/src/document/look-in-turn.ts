import { type RawBuilder, type SelectQueryBuilder, sql } from "kysely";
import { ago } from "../database/ago.ts";
import type { Tables } from "../database/tables.ts";
import { TenantId } from "../ids.ts";
import type { Ports } from "../ports/ports.ts";
import { stepTime } from "../step-time.ts";

type LookPorts = Pick<Ports, "database" | "clock">;
type Due = { tenant_id: string; id: string };

const page = 200;

/**
 * The documents that a step has to look after, each once (twice does no harm: a slow database may show one again), those first
 * whose last look is longest ago, until the step's time is over. A look is noted (`rung_at`) before it is taken: what fails each time, or
 * stays due for long, comes last the next time, and keeps nothing behind it from its turn. `due` selects them, in no order and
 * without a limit. `lookedAt` tells of the last look, or of when it became due when it was not looked at since: those come first
 * otherwise that were never looked at, however many more of them come in.
 */
export async function* lookInTurn<Row extends Due>(
  ports: LookPorts,
  due: () => SelectQueryBuilder<Tables, "document", Row>,
  lookedAt: RawBuilder<Date>,
): AsyncGenerator<Row> {
  const { tookMs, isOver } = stepTime(ports);
  for (let rows: Row[] | null = null; rows === null || rows.length === page;) {
    rows = await due().where(lookedAt, "<", ago(tookMs())).orderBy(lookedAt).limit(page).execute();
    for (const row of rows) {
      if (isOver()) return;
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
