import { sql } from "kysely";
import { moveDocument } from "../document/move-document.ts";
import { DocumentId, TenantId } from "../ids.ts";
import { type ReceivePorts, receiveDocument } from "./receive-document.ts";

type Waiting = { tenantId: TenantId; documentId: DocumentId };

/**
 * Looks after grants whose events were lost: receives what is all there, at growing distances (half a grant's age, at
 * least a minute).
 */
export async function receiveSilent(ports: ReceivePorts): Promise<number> {
  const silence = sql`${ports.config.periods.silence}::float8 * interval '1 millisecond'`;
  const rows = await ports.database.system
    .selectFrom("document")
    .select(["tenant_id", "id"])
    .where("state", "=", "granted")
    .where(sql<boolean>`clock_timestamp() - coalesce(rung_at, created_at) > greatest(${silence}, (coalesce(rung_at, created_at) - created_at) / 2)`)
    .orderBy("created_at")
    .limit(200)
    .execute();
  let received = 0;
  for (const waiting of rows.map(parse)) received += (await look(ports, waiting)) ? 1 : 0;
  return received;
}

async function look(ports: ReceivePorts, waiting: Waiting): Promise<boolean> {
  const { missing } = await receiveDocument(ports, waiting, "system:reconciler");
  if (missing.length === 0) return true;
  await ports.database.withTenant(waiting.tenantId, (tx) =>
    tx
      .updateTable("document")
      .set({ rung_at: sql`clock_timestamp()` })
      .where("tenant_id", "=", waiting.tenantId)
      .where("id", "=", waiting.documentId)
      .where("state", "=", "granted")
      .execute(),
  );
  return false;
}

/** Ends grants that were left unfinished for seven days, after a last look whether all of it is there. */
export async function expireGrants(ports: ReceivePorts): Promise<number> {
  const rows = await ports.database.system
    .selectFrom("document")
    .select(["tenant_id", "id"])
    .where("state", "=", "granted")
    .where("grant_expires_at", "<", sql<Date>`clock_timestamp()`)
    .limit(200)
    .execute();
  let expired = 0;
  for (const waiting of rows.map(parse)) {
    const { missing } = await receiveDocument(ports, waiting, "system:reconciler");
    if (missing.length > 0) expired += await expire(ports, waiting);
  }
  return expired;
}

async function expire(ports: ReceivePorts, { tenantId, documentId }: Waiting): Promise<number> {
  const moved = await ports.database.withTenant(tenantId, (tx) =>
    moveDocument(ports, tx, {
      documentId,
      from: ["granted"],
      to: "expired",
      set: { settled_at: sql`clock_timestamp()` },
      event: { type: "upload.expired", data: {} },
      audit: { actor: "system:reconciler", action: "upload.expired" },
    }),
  );
  return moved ? 1 : 0;
}

const parse = (row: { tenant_id: string; id: string }): Waiting => ({ tenantId: TenantId.parse(row.tenant_id), documentId: DocumentId.parse(row.id) });
