import { sql } from "kysely";
import type { AuditRow } from "../database/tables.ts";
import { TenantId } from "../ids.ts";
import type { Transaction } from "../ports/database.ts";
import type { Ports } from "../ports/ports.ts";
import { type AuditEntry, type ChainedEntry, type ChainHead, chain, emptyChain } from "./chain.ts";

type ChainPorts = Pick<Ports, "database">;

/** Entries of one tenant that are chained in one transaction. */
const batch = 500;
/** Tenants in one round: facts wait until it is over, and a tenant takes three trips to the database, 3 ms or so. */
const tenantsAtOnce = 100;

/**
 * Numbers and hashes what was appended to the audit trail, tenant by tenant, in the order of its rows: of `most` tenants, those
 * first whose oldest entry waits longest. Only the holder of the relay lock calls it; the row lock on the head makes even two
 * of them safe. Answers how many entries were chained. Throws when a tenant's could not be, after it has chained those of
 * `most` others: however many fail, they keep nobody from their turn.
 */
export async function chainAudit(
  ports: ChainPorts,
  { most = tenantsAtOnce }: { most?: number } = {},
): Promise<number> {
  let [tenants, entries] = [0, 0];
  const faults: unknown[] = [];
  for (const tenantId of await listWaiting(ports)) {
    if (tenants === most) break;
    try {
      entries += await chainTenant(ports, tenantId);
      tenants += 1;
    } catch (error) {
      faults.push(error);
    }
  }
  if (faults.length > 0)
    throw new Error(`the audit of ${faults.length} tenants could not be chained`, { cause: faults[0] });
  return entries;
}

/** Tenants with entries that are not chained, in the order of their oldest ones. */
async function listWaiting({ database }: ChainPorts): Promise<TenantId[]> {
  const oldest = await database.system
    .selectFrom("audit")
    .distinctOn("tenant_id")
    .select(["tenant_id", "id"])
    .where("sequence", "is", null)
    .orderBy("tenant_id")
    .orderBy("id")
    .execute();
  return oldest.toSorted((one, other) => one.id - other.id).map(({ tenant_id }) => TenantId.parse(tenant_id));
}

async function chainTenant(ports: ChainPorts, tenantId: TenantId): Promise<number> {
  return await ports.database.withTenant(tenantId, async (tx) => {
    const [head, rows] = await Promise.all([lockHead(tx), readUnchained(tx)]); // sent together, read under the lock
    const entries = chainRows(head, rows);
    if (entries.length === 0) return 0;
    await Promise.all([writeChain(tx, rows, entries), writeHead(tx, entries.at(-1)!)]);
    return entries.length;
  });
}

function chainRows(head: ChainHead, rows: AuditRow[]): ChainedEntry[] {
  const entries: ChainedEntry[] = [];
  for (const row of rows) entries.push(chain(entries.at(-1) ?? head, entryOf(row)));
  return entries;
}

/** A row of the trail in the form that its hash covers. */
export function entryOf(row: AuditRow): AuditEntry {
  const { tenant_id: tenantId, entry_id: id, at, actor, action, subject, detail } = row;
  return {
    tenantId,
    id,
    at: at.toISOString(),
    actor,
    action,
    subject,
    detail: detail as AuditEntry["detail"],
  };
}

async function lockHead(tx: Transaction): Promise<ChainHead> {
  const [, head] = await Promise.all([
    tx
      .insertInto("audit_head")
      .values({ tenant_id: tx.insideTenant, ...emptyChain })
      .onConflict((conflict) => conflict.doNothing())
      .execute(),
    tx
      .selectFrom("audit_head")
      .select(["sequence", "hash"])
      .where("tenant_id", "=", tx.insideTenant)
      .forUpdate()
      .executeTakeFirstOrThrow(),
  ]);
  return head;
}

async function readUnchained(tx: Transaction): Promise<AuditRow[]> {
  return await tx
    .selectFrom("audit")
    .selectAll()
    .where("tenant_id", "=", tx.insideTenant)
    .where("sequence", "is", null)
    .orderBy("id")
    .limit(batch)
    .execute();
}

async function writeHead(tx: Transaction, { sequence, hash }: ChainHead): Promise<void> {
  await tx
    .updateTable("audit_head")
    .set({ sequence, hash })
    .where("tenant_id", "=", tx.insideTenant)
    .execute();
}

async function writeChain(tx: Transaction, rows: AuditRow[], entries: ChainedEntry[]): Promise<void> {
  const links = rows.map(({ id }, index) => ({
    id,
    sequence: entries[index]!.sequence,
    previous: entries[index]!.previousHash,
    hash: entries[index]!.hash,
  }));
  const changed = await sql`
    update audit set sequence = l.sequence, previous_hash = l.previous, hash = l.hash
    from jsonb_to_recordset(${JSON.stringify(links)}::jsonb) as l (id bigint, sequence bigint, previous text, hash text)
    where audit.tenant_id = ${tx.insideTenant}::uuid and audit.id = l.id and audit.sequence is null`.execute(
    tx,
  );
  if (changed.numAffectedRows !== BigInt(links.length))
    throw new Error("an audit entry was chained by somebody else meanwhile");
}
