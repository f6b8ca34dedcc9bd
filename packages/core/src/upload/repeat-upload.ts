import type { AcceptUploadRequest, UploadReply } from "../api-shapes.ts";
import { appendAudit } from "../audit/append-audit.ts";
import type { DocumentRow } from "../database/tables.ts";
import { erasedAlready, listFiles } from "../document/load-document.ts";
import { moveDocument } from "../document/move-document.ts";
import { Refusal } from "../errors.ts";
import type { Transaction } from "../ports/database.ts";
import type { Ports } from "../ports/ports.ts";
import { type Actor, actorName } from "../user/user.ts";
import { checkOverload } from "./check-overload.ts";
import { announcing, checkRecalled, type Counted, type QuotaState } from "./check-quota.ts";
import { grantEnd, isGrantOver } from "./grant-expired.ts";
import { recallRequest } from "./recall-request.ts";
import { signMissing, type SigningPorts } from "./sign-uploads.ts";
import { stagingKey } from "./staging-key.ts";

export type AcceptPorts = SigningPorts & Pick<Ports, "cache" | "ids" | "log">;
/** A request with what follows from it alone. */
export type Wanted = {
  request: AcceptUploadRequest;
  sha256: string;
  contentSha256: string;
  sizeBytes: number;
};
/** What decides whether there is room for one more: since when the tenant's oldest waits, and what is used of the quotas. */
type Room = { waitingSince: Date | null; quota: QuotaState; counted: Counted | null };
export type Reply = UploadReply & { created: boolean };

/**
 * Answers a document id that is known already. The same request of its owner is answered again, and an expired grant is
 * revived where a new one would be let in; otherwise throws the Refusal of the quota or of the closed intake, and the
 * document stays expired. Throws a Refusal for another request or person, and for what was erased.
 */
export async function repeatUpload(
  ports: AcceptPorts,
  actor: Actor,
  found: DocumentRow,
  wanted: Wanted,
  room: Room,
): Promise<Reply> {
  const known = await recallRequest(ports, actor, found, wanted);
  if (known.owner_id !== actor.userId || known.request_sha256 !== wanted.sha256) {
    throw new Refusal(
      "id_taken",
      "This document id was already used for another request. Make a new id (UUIDv7) and send again.",
      { status: 409 },
    );
  }
  if (known.state === "erased") throw erasedAlready();
  if (known.state === "expired") await revive(ports, actor, known, room);
  else if (isGrantOver(ports, known)) await prolong(ports, actor, known);
  return { created: false, ...(await signMissing(ports, actor, known.id)) };
}

/** Every file gets a new staging key: what lies under the old ones is being cleared away. */
async function revive(ports: AcceptPorts, actor: Actor, known: DocumentRow, room: Room): Promise<void> {
  checkOverload(ports, room.waitingSince);
  await checkRecalled(ports, actor, room, { documents: 1, bytes: known.size_bytes });
  await ports.database.withTenant(actor.tenantId, async (tx) => {
    const revived = await moveDocument(ports, tx, {
      documentId: known.id,
      from: ["expired"],
      to: "granted",
      set: {
        grant_expires_at: grantEnd(ports),
        settled_at: null,
        staging_cleared_at: null,
        ...announcing(known.size_bytes),
      },
      event: { type: "upload.revived", data: { ownerId: known.owner_id } },
      audit: { actor: actorName(actor), action: "upload.revived" },
    });
    if (revived) await renewKeys(ports, tx, known.id);
  });
}

/** A grant whose time is over, and that the reconciler has not ended yet: what has arrived of it counts as before. */
async function prolong(ports: AcceptPorts, actor: Actor, known: DocumentRow): Promise<void> {
  await ports.database.withTenant(actor.tenantId, async (tx) => {
    const prolonged = await tx
      .updateTable("document")
      .set({ grant_expires_at: grantEnd(ports) })
      .where("tenant_id", "=", tx.insideTenant)
      .where("id", "=", known.id)
      .where("state", "=", "granted")
      .where("grant_expires_at", "<", ports.clock.now()) // of several at once, one prolongs it
      .returning("id")
      .executeTakeFirst();
    if (!prolonged) return;
    const note = { actor: actorName(actor), action: "upload.prolonged", subject: known.id };
    await appendAudit(ports, tx, note);
  });
}

async function renewKeys(ports: AcceptPorts, tx: Transaction, documentId: string): Promise<void> {
  const files = await listFiles(tx, documentId);
  await Promise.all(
    files.map((file) =>
      tx
        .updateTable("document_file")
        .set({
          staging_key: stagingKey(ports.ids, { tenantId: tx.insideTenant, documentId, fileId: file.id }),
          upload_id: null,
          arrived_at: null,
        })
        .where((eb) => eb.and({ tenant_id: tx.insideTenant, document_id: documentId, id: file.id }))
        .execute(),
    ),
  );
}
