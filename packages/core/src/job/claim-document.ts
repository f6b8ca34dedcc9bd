import { sql } from "kysely";
import { appendAudit } from "../audit/append-audit.ts";
import type { DocumentFileRow, DocumentRow } from "../database/tables.ts";
import { listFiles } from "../document/load-document.ts";
import type { Transaction } from "../ports/database.ts";
import type { Ports } from "../ports/ports.ts";
import type { Doorbell } from "./ring-doorbell.ts";
import { handOnTurn, hasTurn, type Turn } from "./turn.ts";

/** A document on lease: whoever holds the token may move it, until the database's clock passes the lease. */
export type Claim = {
  document: DocumentRow;
  files: DocumentFileRow[];
  token: number;
  /** The document of the same tenant whose turn it is now: to be rung for. */
  next: Turn | null;
};

/** After a parent died, each further claim waits twice as long as the one before, in lease fifteenths, at most 63 of them. */
const restMs = (leaseMs: number) =>
  sql`(power(2, least(claims, 6)) - 1) * ${leaseMs / 15}::float8 * interval '1 millisecond'`;

/**
 * Takes a document for this worker, or null when it is not claimable: settled, on another's lease, or resting before its
 * next try. A claim over a lapsed lease counts as a death of the worker before. The first claim hands the turn on.
 */
export async function claimDocument(
  ports: Pick<Ports, "database" | "config" | "ids">,
  bell: Doorbell,
  worker: string,
): Promise<Claim | null> {
  return await ports.database.withTenant(bell.tenantId, async (tx) => {
    const [document, files] = await Promise.all([
      claim(ports, tx, bell.documentId),
      listFiles(tx, bell.documentId),
    ]);
    if (!document) return null;
    const token = document.lease_token!;
    const [next] = await Promise.all([
      hasTurn(document) ? handOnTurn(tx) : null,
      appendAudit(ports, tx, {
        actor: worker,
        action: "document.claimed",
        subject: document.id,
        detail: { state: "processing", version: document.version, token, claims: document.claims },
      }),
    ]);
    return { document, files, token, next };
  });
}

async function claim(
  ports: Pick<Ports, "config">,
  tx: Transaction,
  documentId: string,
): Promise<DocumentRow | undefined> {
  const leaseMs = ports.config.periods.lease;
  return await tx
    .updateTable("document")
    .set({
      claims: sql`claims + case when lease_until is null then 0 else 1 end`,
      state: "processing",
      lease_token: sql`nextval('lease_token')`,
      lease_until: sql`clock_timestamp() + ${leaseMs}::float8 * interval '1 millisecond'`,
      retry_at: null,
      changed_at: sql`clock_timestamp()`,
    })
    .where("tenant_id", "=", tx.insideTenant)
    .where("id", "=", documentId)
    .where(sql<boolean>`(state = 'received' or state = 'processing')`)
    .where(sql<boolean>`(lease_until is null or lease_until + ${restMs(leaseMs)} < clock_timestamp())`)
    .where(sql<boolean>`(retry_at is null or retry_at <= clock_timestamp())`)
    .returningAll()
    .executeTakeFirst();
}
