import { sql } from "kysely";
import type { DocumentFileRow, DocumentRow } from "../database/tables.ts";
import { type Loaded, loadDocument } from "../document/load-document.ts";
import { moveDocument } from "../document/move-document.ts";
import { confirmationCode, type TenantId } from "../ids.ts";
import { passTurn } from "../job/pass-turn.ts";
import { ringDoorbell } from "../job/ring-doorbell.ts";
import { mustWait } from "../job/turn.ts";
import type { Transaction } from "../ports/database.ts";
import type { ObjectFacts } from "../ports/objects.ts";
import type { Ports } from "../ports/ports.ts";
import { compositeSha256, inParts } from "./check-declaration.ts";
import { declaredParts, isPart } from "./sign-uploads.ts";
import { duplicatesOf, lockContent } from "./find-duplicate.ts";

export type ReceivePorts = Pick<Ports, "database" | "objects" | "queue" | "ids" | "clock" | "config" | "log">;
type Document = { tenantId: TenantId; documentId: string };

/**
 * Looks, with the store's own eyes, whether every file of a document has arrived, and if so makes it `received`: with
 * its confirmation code, the decision about duplicates, and the doorbell rung after the commit. Answers the positions of
 * pages that are missing. Safe to call at any time, in any state, by many at once.
 */
export async function receiveDocument(
  ports: ReceivePorts,
  { tenantId, documentId }: Document,
  actor: string,
): Promise<{ missing: number[] }> {
  const loaded = await ports.database.inOneTrip(tenantId, (tx) => loadDocument(tx, documentId));
  return loaded ? await receiveLoaded(ports, tenantId, loaded, actor) : { missing: [] };
}

/** The same of a document that was just read; when it is another by now, it is read anew. */
export async function receiveLoaded(
  ports: ReceivePorts,
  tenantId: TenantId,
  loaded: Loaded,
  actor: string,
): Promise<{ missing: number[] }> {
  const documentId = loaded.document.id;
  if (loaded.document.state !== "granted") return { missing: [] };
  const arrived = await findArrived(ports, loaded.files);
  const missing = loaded.files.filter((file) => !arrived.includes(file)).map((file) => file.position);
  if (missing.length > 0) {
    await ports.database.inOneTrip(tenantId, (tx) => markArrived(tx, documentId, arrived));
    return { missing };
  }
  if (await receive(ports, tenantId, loaded, actor)) return { missing };
  // Somebody else was first, or the pages changed since they were looked at: what counts is what is there now.
  return await receiveDocument(ports, { tenantId, documentId }, actor);
}

async function receive(
  ports: ReceivePorts,
  tenantId: TenantId,
  { document, files }: Loaded,
  actor: string,
): Promise<boolean> {
  const received = await ports.database.inOneTrip(tenantId, (tx) =>
    moveToReceived(ports, tx, document, files, actor),
  );
  if (!received) return false;
  ports.log.info("document.received", { tenantId, documentId: document.id });
  await ringDoorbell(ports, received);
  if (received.waits_turn) await passTurn(ports, tenantId);
  return true;
}

async function moveToReceived(
  ports: ReceivePorts,
  tx: Transaction,
  document: DocumentRow,
  files: DocumentFileRow[],
  actor: string,
) {
  const content = { documentId: document.id, sha256: document.content_sha256 };
  const code = confirmationCode(ports.ids);
  const duplicateOf = sql`jsonb_build_object('duplicateOf', duplicate_of)`;
  const [, moved] = await Promise.all([
    lockContent(tx, content),
    moveDocument(ports, tx, {
      documentId: document.id,
      from: ["granted"],
      to: "received",
      version: document.version,
      set: {
        received_at: sql`clock_timestamp()`,
        rung_at: sql`clock_timestamp()`,
        confirmation_code: code,
        duplicate_of: duplicatesOf(tx, content), // looks under the lock that travels before it
        waits_turn: mustWait(tx, ports.config.periods),
      },
      event: {
        type: "document.received",
        data: {
          ownerId: document.owner_id,
          confirmationCode: code,
          files: files.map(({ position, sha256, size_bytes }) => ({
            position,
            sha256,
            sizeBytes: size_bytes,
          })),
        },
        moved: duplicateOf,
      },
      audit: { actor, action: "document.received", moved: duplicateOf },
    }),
    markArrived(tx, document.id, files),
  ]);
  return moved;
}

async function findArrived(ports: ReceivePorts, files: DocumentFileRow[]): Promise<DocumentFileRow[]> {
  const found = await Promise.all(
    files.map(async (file) => (file.arrived_at !== null || (await hasArrived(ports, file)) ? file : null)),
  );
  return found.filter((file) => file !== null);
}

/** An event or a client's word is a hint; this is the truth. Parts that are all there are joined here, by us. */
async function hasArrived(ports: ReceivePorts, file: DocumentFileRow): Promise<boolean> {
  const there = await ports.objects.head(file.staging_key);
  if (there) return matches(ports, file, there);
  if (!inParts(file.size_bytes) || file.upload_id === null) return false;
  return await joinParts(ports, file, file.upload_id);
}

async function joinParts(ports: ReceivePorts, file: DocumentFileRow, uploadId: string): Promise<boolean> {
  const stored = await ports.objects.listParts(file.staging_key, uploadId);
  const parts = declaredParts(file).flatMap(
    (declared) => stored.find((part) => isPart(part, declared)) ?? [],
  );
  if (parts.length < declaredParts(file).length) return false;
  await ports.objects.completeParts(file.staging_key, uploadId, parts);
  const joined = await ports.objects.head(file.staging_key);
  return joined !== null && matches(ports, file, joined);
}

/** A staged object that is not what its grant says cannot come from a signed upload: it is never taken for the page. */
function matches(ports: ReceivePorts, file: DocumentFileRow, there: ObjectFacts): boolean {
  const sameBytes = inParts(file.size_bytes)
    ? there.compositeSha256 === compositeSha256(file.part_sha256!)
    : there.sha256 === file.sha256;
  const same = there.sizeBytes === file.size_bytes && sameBytes;
  if (!same)
    ports.log.error("staging.mismatch", {
      documentId: file.document_id,
      fileId: file.id,
      sizeBytes: there.sizeBytes,
    });
  return same;
}

/** By the keys that were looked at: a grant that was revived meanwhile waits for its pages under new ones. */
async function markArrived(tx: Transaction, documentId: string, files: DocumentFileRow[]): Promise<void> {
  if (files.length === 0) return;
  await tx
    .updateTable("document_file")
    .set({ arrived_at: sql`clock_timestamp()` })
    .where("tenant_id", "=", tx.insideTenant)
    .where("document_id", "=", documentId)
    .where(
      "staging_key",
      "in",
      files.map((file) => file.staging_key),
    )
    .where("arrived_at", "is", null)
    .execute();
}
