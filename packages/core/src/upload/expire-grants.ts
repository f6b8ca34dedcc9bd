import { sql } from "kysely";
import { ago } from "../database/ago.ts";
import { isOutage } from "../database/outage.ts";
import { lockDocument } from "../document/lock-document.ts";
import { lookInTurn } from "../document/look-in-turn.ts";
import { moveDocument } from "../document/move-document.ts";
import { DocumentId, TenantId } from "../ids.ts";
import type { Database, Transaction } from "../ports/database.ts";
import { type ReceivePorts, receiveDocument } from "./receive-document.ts";

type Waiting = { tenantId: TenantId; documentId: DocumentId };

/**
 * Looks after grants whose events were lost: receives what is all there, at growing distances (half the age that a grant
 * had at the last look, at least a minute). A revived grant begins anew. Those come first that were looked at, or given, the
 * longest ago: whoever goes on announcing keeps nobody else waiting.
 */
export async function receiveSilent(ports: ReceivePorts): Promise<number> {
  const { silence, grant } = ports.config.periods;
  const given = sql`(grant_expires_at - ${grant}::float8 * interval '1 millisecond')`;
  const seen = sql<Date>`greatest(rung_at, ${given})`;
  const silent = () =>
    ports.database.system
      .selectFrom("document")
      .select(["tenant_id", "id"])
      .where("state", "=", "granted")
      .where(
        sql<boolean>`clock_timestamp() - ${seen} > greatest(${silence}::float8 * interval '1 millisecond', (${seen} - ${given}) / 2)`,
      );
  return await countEach(ports, lookInTurn(ports, silent, seen), look);
}

async function look(ports: ReceivePorts, waiting: Waiting): Promise<boolean> {
  const { missing } = await receiveDocument(ports, waiting, "system:reconciler");
  return missing.length === 0;
}

/** Counts those of which `work` is true. One that fails is told, and does not keep the others behind it waiting. */
async function countEach(
  ports: ReceivePorts,
  rows: AsyncIterable<Row>,
  work: (ports: ReceivePorts, waiting: Waiting) => Promise<boolean>,
): Promise<number> {
  let count = 0;
  for await (const row of rows) {
    const waiting = parse(row);
    try {
      if (await work(ports, waiting)) count += 1;
    } catch (error) {
      if (isOutage(error)) throw error;
      ports.log.error("grant.look_failed", { documentId: waiting.documentId, error: error as Error });
    }
  }
  return count;
}

/** When it was looked at last, or the grant was over: those over since come behind those that wait for their next look. */
const lookedAt = sql<Date>`greatest(rung_at, grant_expires_at)`;

/** Ends grants that were left unfinished for seven days, after a last look whether all of it is there. */
export async function expireGrants(ports: ReceivePorts): Promise<number> {
  return await countEach(
    ports,
    lookInTurn(ports, () => overdueGrants(ports.database), lookedAt),
    lookAndExpire,
  );
}

/** Those that are over. */
export function overdueGrants({ system }: Pick<Database, "system">) {
  return system
    .selectFrom("document")
    .select(["tenant_id", "id"])
    .where("state", "=", "granted")
    .where("grant_expires_at", "<", ago(0));
}

async function lookAndExpire(ports: ReceivePorts, waiting: Waiting): Promise<boolean> {
  const { missing } = await receiveDocument(ports, waiting, "system:reconciler");
  if (missing.length === 0) return false;
  return await ports.database.withTenant(waiting.tenantId, (tx) => expire(ports, tx, waiting.documentId));
}

async function expire(ports: ReceivePorts, tx: Transaction, documentId: string): Promise<boolean> {
  if (!(await isOverdue(tx, documentId))) return false;
  const moved = await moveDocument(ports, tx, {
    documentId,
    from: ["granted"],
    to: "expired",
    set: { settled_at: sql`clock_timestamp()` },
    event: { type: "upload.expired", data: {} },
    audit: { actor: "system:reconciler", action: "upload.expired" },
  });
  return moved !== null;
}

/** Asked again under the row's lock: another reconciler may have ended this grant meanwhile, and its client revived it. */
async function isOverdue(tx: Transaction, documentId: string): Promise<boolean> {
  const overdue = await lockDocument(tx, documentId, "change")
    .select("id")
    .where("state", "=", "granted")
    .where("grant_expires_at", "<", ago(0))
    .executeTakeFirst();
  return overdue !== undefined;
}

type Row = { tenant_id: string; id: string };
const parse = (row: Row): Waiting => ({
  tenantId: TenantId.parse(row.tenant_id),
  documentId: DocumentId.parse(row.id),
});
