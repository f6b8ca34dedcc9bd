import { sql } from "kysely";
import type { EditDocumentRequest, FileDeclaration, UploadReply } from "../api-shapes.ts";
import { appendAudit } from "../audit/append-audit.ts";
import type { DocumentFileRow } from "../database/tables.ts";
import { Refusal } from "../errors.ts";
import { appendEvent } from "../event/append-event.ts";
import type { UserId } from "../ids.ts";
import type { Transaction } from "../ports/database.ts";
import type { Ports } from "../ports/ports.ts";
import { checkKind, insertFiles, listKindNames } from "../upload/accept-upload.ts";
import { checkFiles, contentSha256 } from "../upload/check-declaration.ts";
import { announcing, checkQuota, readQuota } from "../upload/check-quota.ts";
import { grantExpired, isGrantOver } from "../upload/grant-expired.ts";
import { findDuplicate } from "../upload/find-duplicate.ts";
import { type SigningPorts, signMissing } from "../upload/sign-uploads.ts";
import { type Actor, actorName } from "../user/user.ts";
import { checkMatch } from "./check-match.ts";
import { type Loaded, loadVisible } from "./load-document.ts";
import { lockDocument } from "./lock-document.ts";

type EditPorts = SigningPorts & Pick<Ports, "ids">;
/** `ifMatch`: the ETag that the editor saw; null edits whatever is there. */
type Edit = { documentId: string; ifMatch: string | null; edit: EditDocumentRequest };

/** Changes kind, load number or note at any time, and the list of pages until the document is received. */
export async function editDocument(
  ports: EditPorts,
  actor: Actor,
  { documentId, ifMatch, edit }: Edit,
): Promise<UploadReply> {
  await ports.database.withTenant(actor.tenantId, async (tx) => {
    await lockDocument(tx, documentId, "change").select("id").execute();
    const loaded = await loadVisible(tx, actor, documentId);
    checkMatch(loaded, ifMatch);
    if (edit.kind) checkKind(await listKindNames(tx), edit.kind);
    const pages = edit.files ? await replacePages(ports, tx, loaded, edit.files) : {};
    await write(ports, tx, actor, loaded, edit, pages);
  });
  return await signMissing(ports, actor, documentId);
}

async function write(
  ports: EditPorts,
  tx: Transaction,
  actor: Actor,
  { document }: Loaded,
  edit: EditDocumentRequest,
  pages: object,
): Promise<void> {
  const { kind, loadNumber, note } = edit;
  const fields = {
    ...(kind !== undefined && { kind }),
    ...(loadNumber !== undefined && { load_number: loadNumber }),
    ...(note !== undefined && { note }),
  };
  await Promise.all([
    tx
      .updateTable("document")
      .set({ ...fields, ...pages, version: sql`version + 1`, changed_at: sql`clock_timestamp()` })
      .where("tenant_id", "=", tx.insideTenant)
      .where("id", "=", document.id)
      .execute(),
    appendEvent(ports, tx, {
      documentId: document.id,
      version: document.version + 1,
      type: "document.edited",
      traceparent: document.traceparent,
      data: { ownerId: document.owner_id, changed: Object.keys(edit), ...(kind !== undefined && { kind }) },
    }),
    appendAudit(ports, tx, {
      actor: actorName(actor),
      action: "document.edited",
      subject: document.id,
      detail: { changed: Object.keys(edit), version: document.version + 1 },
    }),
  ]);
}

type Page = NonNullable<EditDocumentRequest["files"]>[number];

/** The new list of pages: kept ones keep their bytes, new ones are to be uploaded, the rest is dropped. */
async function replacePages(ports: EditPorts, tx: Transaction, { document, files }: Loaded, wanted: Page[]) {
  if (isGrantOver(ports, document)) throw grantExpired();
  if (document.state !== "granted") {
    throw new Refusal(
      "already_received",
      "The pages of this document can no longer be changed. Send a new document that replaces it.",
      { status: 409 },
    );
  }
  const pages = wanted.map((page, index) => ({
    position: index + 1,
    page,
    kept: "id" in page ? keptFile(files, page.id) : null,
  }));
  const declared = pages.map(({ page, kept }) => kept ?? (page as FileDeclaration));
  checkFiles(pages.map(({ page, kept }) => (kept ? sizedRow(kept) : (page as FileDeclaration))));
  const keptIds = pages.flatMap(({ kept }) => kept?.id ?? []);
  checkOnce(keptIds);
  const sizeBytes = pages.reduce(
    (sum, { page, kept }) => sum + (kept?.size_bytes ?? (page as FileDeclaration).sizeBytes),
    0,
  );
  const addedBytes = pages.reduce(
    (sum, { page, kept }) => sum + (kept ? 0 : (page as FileDeclaration).sizeBytes),
    0,
  );
  if (addedBytes > 0)
    checkQuota(await readQuota(tx, { userId: document.owner_id as UserId }), {
      documents: 0,
      bytes: addedBytes,
    });
  await dropFiles(tx, document.id, keptIds);
  for (const { position, kept } of pages) if (kept) await placeFile(tx, kept, position);
  const added = pages.flatMap(({ page, kept, position }) =>
    kept ? [] : [{ file: page as FileDeclaration, position }],
  );
  if (added.length > 0) await insertFiles(ports, tx, document.id, added);
  const content = { documentId: document.id, sha256: contentSha256(declared) };
  return {
    content_sha256: content.sha256,
    size_bytes: sizeBytes,
    ...(addedBytes > 0 && announcing(addedBytes)),
    duplicate_of: await findDuplicate(tx, content),
  };
}

function checkOnce(ids: string[]): void {
  if (new Set(ids).size === ids.length) return;
  throw new Refusal(
    "repeated_page",
    "One of the pages to keep stands in the list twice. Name each page once, in the order that you want.",
    { status: 400 },
  );
}

function keptFile(files: DocumentFileRow[], id: string): DocumentFileRow {
  const file = files.find((one) => one.id === id);
  if (file) return file;
  throw new Refusal(
    "unknown_page",
    "One of the pages to keep is not a page of this document. Load the document again.",
    { status: 409 },
  );
}

const sizedRow = (file: DocumentFileRow) => ({
  name: file.name,
  sizeBytes: file.size_bytes,
  ...(file.part_sha256 && { parts: file.part_sha256 }),
});

async function dropFiles(tx: Transaction, documentId: string, keptIds: string[]): Promise<void> {
  await tx
    .deleteFrom("document_file")
    .where("tenant_id", "=", tx.insideTenant)
    .where("document_id", "=", documentId)
    .$if(keptIds.length > 0, (query) => query.where("id", "not in", keptIds))
    .execute();
}

async function placeFile(tx: Transaction, file: DocumentFileRow, position: number): Promise<void> {
  await tx
    .updateTable("document_file")
    .set({ position })
    .where((eb) => eb.and({ tenant_id: file.tenant_id, document_id: file.document_id, id: file.id }))
    .execute();
}
