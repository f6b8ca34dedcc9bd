import { sql } from "kysely";
import type { DocumentFileRow, DocumentRow } from "../database/tables.ts";
import { listFiles } from "../document/load-document.ts";
import type { Transaction } from "../ports/database.ts";
import type { Ports } from "../ports/ports.ts";
import type { Doorbell } from "./ring-doorbell.ts";

/** A document on lease: whoever holds the token may move it, until the database's clock passes the lease. */
export type Claim = {
  document: DocumentRow;
  files: DocumentFileRow[];
  token: number;
};

type ClaimPorts = Pick<Ports, "database" | "config" | "ids">;

/** After a parent died, each further claim waits twice as long as the one before, in lease fifteenths, at most 63 of them. */
const restMs = (leaseMs: number) =>
  sql`(power(2, least(claims, 6)) - 1) * ${leaseMs / 15}::float8 * interval '1 millisecond'`;

/**
 * Takes a document for this worker, or null when it is not claimable: settled, on another's lease, or resting before its
 * next try. A claim over a lapsed lease counts as a death of the worker before.
 */
export async function claimDocument(
  ports: ClaimPorts,
  bell: Doorbell,
  worker: string,
): Promise<Claim | null> {
  const { tenantId, documentId } = bell;
  const [document, files] = await ports.database.inOneTrip(tenantId, (tx) =>
    Promise.all([claim(ports, tx, documentId, worker), listFiles(tx, documentId)]),
  );
  return document ? { document, files, token: document.lease_token! } : null;
}

/** The compare-and-set and its line in the audit trail, in one statement. */
async function claim(
  ports: Pick<Ports, "config" | "ids">,
  tx: Transaction,
  documentId: string,
  worker: string,
): Promise<DocumentRow | undefined> {
  const leaseMs = ports.config.periods.lease;
  const claimed = tx.with("claimed", (db) =>
    db
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
      .returningAll(),
  );
  const noted = claimed.with("noted", (db) =>
    db
      .insertInto("audit")
      .columns(["tenant_id", "entry_id", "actor", "action", "subject", "detail"])
      .expression(
        db
          .selectFrom("claimed")
          .select([
            "tenant_id",
            sql<string>`${ports.ids.uuid()}::uuid`.as("entry_id"),
            sql<string>`${worker}::text`.as("actor"),
            sql<string>`${"document.claimed"}::text`.as("action"),
            sql<string>`id::text`.as("subject"),
            sql<string>`jsonb_build_object('state', state, 'version', version, 'token', lease_token, 'claims', claims)`.as(
              "detail",
            ),
          ]),
      ),
  );
  return await noted.selectFrom("claimed").selectAll().executeTakeFirst();
}
