import { sql } from "kysely";
import type { AcceptUploadRequest } from "../api-shapes.ts";
import { appendAudit } from "../audit/append-audit.ts";
import type { DocumentRow } from "../database/tables.ts";
import { appendEvent } from "../event/append-event.ts";
import type { Transaction } from "../ports/database.ts";
import type { Ports } from "../ports/ports.ts";
import { type Actor, actorName } from "../user/user.ts";

/** How the row of an adopted document keeps the hash of its request, whose words it does not have. */
export const withoutWords = (requestSha256: string): string => `adopted:${requestSha256}`;

/** A request and its hash. */
type Recall = { request: AcceptUploadRequest; sha256: string };

/**
 * Gives an adopted document its words back (load number, note, names of files) when its owner announces it again: the hash
 * proves that it is the same request. What somebody wrote there meanwhile stays. Answers the row as it is now; a document
 * that was not adopted, or is announced differently, is left as it is.
 */
export async function recallRequest(
  ports: Pick<Ports, "database" | "ids">,
  actor: Actor,
  known: DocumentRow,
  recall: Recall,
): Promise<DocumentRow> {
  const isSame = known.request_sha256 === withoutWords(recall.sha256);
  if (!isSame || known.owner_id !== actor.userId) return known;
  await ports.database.withTenant(actor.tenantId, (tx) => giveWords(ports, tx, actor, recall));
  return { ...known, request_sha256: recall.sha256 };
}

async function giveWords(
  ports: Pick<Ports, "ids">,
  tx: Transaction,
  actor: Actor,
  { request, sha256: requestSha256 }: Recall,
): Promise<void> {
  const { id, loadNumber = null, note = null } = request;
  const given = await tx
    .updateTable("document")
    .set({
      request_sha256: requestSha256,
      load_number: sql<string | null>`coalesce(load_number, ${loadNumber})`,
      note: sql<string | null>`coalesce(note, ${note})`,
      version: sql`version + 1`,
      changed_at: sql`clock_timestamp()`,
    })
    .where("tenant_id", "=", tx.insideTenant)
    .where("id", "=", id)
    .where("request_sha256", "=", withoutWords(requestSha256))
    .where("state", "<>", "erased")
    .returning(["version", "traceparent", "owner_id"])
    .executeTakeFirst();
  if (!given) return;
  const changed = ["loadNumber", "note", "files"];
  await Promise.all([
    ...request.files.map(({ name, sha256 }, index) =>
      nameFile(tx, id, { name, sha256, position: index + 1 }),
    ),
    appendEvent(ports, tx, {
      documentId: id,
      version: given.version,
      type: "document.edited",
      traceparent: given.traceparent,
      data: { ownerId: given.owner_id, changed },
    }),
    appendAudit(ports, tx, {
      actor: actorName(actor),
      action: "upload.recalled",
      subject: id,
      detail: { changed, version: given.version },
    }),
  ]);
}

/** Pages that were dropped or moved after the announcement keep the name that they have. */
async function nameFile(
  tx: Transaction,
  documentId: string,
  { name, ...page }: { name: string; sha256: string; position: number },
): Promise<void> {
  await tx
    .updateTable("document_file")
    .set({ name })
    .where((eb) => eb.and({ tenant_id: tx.insideTenant, document_id: documentId, ...page }))
    .execute();
}
