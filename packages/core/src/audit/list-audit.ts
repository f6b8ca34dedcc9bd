import type * as z from "zod";
import type { AuditList, ListAuditQuery } from "../api-shapes.ts";
import { Refusal } from "../errors.ts";
import type { Ports } from "../ports/ports.ts";
import type { Actor } from "../user/user.ts";
import { entryOf } from "./chain-audit.ts";

/** The tenant's audit trail in the order of its chain, a page at a time; what is not chained yet (a second or so) is not in it. */
export async function listAudit(
  ports: Pick<Ports, "database">,
  actor: Actor,
  { cursor, limit }: z.infer<typeof ListAuditQuery>,
): Promise<z.infer<typeof AuditList>> {
  const after = cursor === undefined ? 0 : readCursor(cursor);
  const rows = await ports.database.inOneTrip(actor.tenantId, (tx) =>
    tx
      .selectFrom("audit")
      .selectAll()
      .where("tenant_id", "=", tx.insideTenant)
      .where("sequence", ">", after)
      .orderBy("sequence")
      .limit(limit + 1)
      .execute(),
  );
  const page = rows.slice(0, limit);
  const last = rows.length > limit ? page.at(-1) : undefined;
  return {
    entries: page.map((row) => ({
      sequence: row.sequence!,
      previousHash: row.previous_hash!,
      hash: row.hash!,
      entry: entryOf(row),
    })),
    nextCursor: last ? writeCursor(last.sequence!) : null,
  };
}

const writeCursor = (sequence: number): string => Buffer.from(`a${sequence}`).toString("base64url");

function readCursor(text: string): number {
  const parts = /^a(\d{1,15})$/.exec(Buffer.from(text, "base64url").toString("latin1"));
  if (parts) return Number(parts[1]);
  throw new Refusal("invalid_cursor", "This cursor was not made by this server. Begin the list anew.", {
    status: 400,
  });
}
