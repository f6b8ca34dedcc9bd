import { sql } from "kysely";
import { isAnyOf } from "../database/is-any-of.ts";
import { lockFree } from "../document/lock-document.ts";
import { TenantId } from "../ids.ts";
import type { Ports } from "../ports/ports.ts";
import { stepTime } from "../step-time.ts";
import { passTurn } from "./pass-turn.ts";
import { ringDoorbell } from "./ring-doorbell.ts";

type RingPorts = Pick<Ports, "database" | "queue" | "clock" | "config" | "log">;

/** Documents that one round rings for at most, and so many in one go. */
const mostInRound = 500;
const mostAtOnce = 50;

/**
 * Rings for every claimable document that was silent for a minute: bells get lost, documents do not. One that was never
 * claimed yet may just be in a long queue: it is rung for ever more seldom, each ten minutes in the end, or a queue would
 * grow by bells faster than by documents. Of more than `most`, or than the step has time for, those that were silent longest:
 * whoever was rung for goes to the end, so that nobody stays behind another's backlog. Answers how many were rung for.
 */
export async function ringSilent(ports: RingPorts, most: number = mostInRound): Promise<number> {
  const { isOver } = stepTime(ports);
  const silent = await listSilent(ports, most);
  let rung = 0;
  for (let at = 0; at < silent.length && !isOver(); at += mostAtOnce)
    rung += await ringSome(ports, silent.slice(at, at + mostAtOnce));
  return rung;
}

type Silent = Awaited<ReturnType<typeof listSilent>>;

async function ringSome(ports: RingPorts, some: Silent): Promise<number> {
  let rung = 0;
  const inOrder = some.toSorted((one, other) => Number(one.received_at) - Number(other.received_at));
  for (const [tenantId, rows] of Map.groupBy(inOrder, (row) => row.tenant_id)) {
    const noted = await note(ports, TenantId.parse(tenantId), rows);
    for (const row of noted) await ringDoorbell(ports, { ...row, traceparent: null });
    await passTurn(ports, TenantId.parse(tenantId)); // it got lost when nobody has it by now
    rung += noted.length;
  }
  return rung;
}

/** Those of one tenant's that are noted as rung for: whoever holds another one is at it, and the next round looks again. */
async function note({ database }: RingPorts, tenantId: TenantId, rows: Silent): Promise<Silent> {
  return await database.withTenant(tenantId, async (tx) => {
    const free = await lockFree(
      tx,
      rows.map(({ id }) => id),
    );
    if (free.size === 0) return [];
    await tx
      .updateTable("document")
      .set({ rung_at: sql`clock_timestamp()` })
      .where("tenant_id", "=", tenantId)
      .where(isAnyOf("id", [...free]))
      .execute();
    return rows.filter(({ id }) => free.has(id));
  });
}

async function listSilent(ports: RingPorts, most: number) {
  const { silence } = ports.config.periods;
  return await ports.database.system
    .selectFrom("document")
    .select(["tenant_id", "id", "received_at", "waits_turn"])
    .where("state", "in", ["received", "processing"])
    .where(sql<boolean>`(lease_until is null or lease_until < clock_timestamp())`)
    .where(sql<boolean>`(retry_at is null or retry_at < clock_timestamp())`)
    .where(
      sql<boolean>`clock_timestamp() - coalesce(rung_at, changed_at) > greatest(${silence}::float8 * interval '1 millisecond', case when state = 'received' then least((coalesce(rung_at, changed_at) - received_at) / 2, ${10 * silence}::float8 * interval '1 millisecond') end)`,
    )
    .orderBy(sql<Date>`coalesce(rung_at, changed_at)`)
    .limit(most)
    .execute();
}
