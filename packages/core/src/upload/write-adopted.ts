import { appendAudit } from "../audit/append-audit.ts";
import { findDocument, listFiles } from "../document/load-document.ts";
import { moveDocument } from "../document/move-document.ts";
import { appendEvent } from "../event/append-event.ts";
import type { Transaction } from "../ports/database.ts";
import type { Ports } from "../ports/ports.ts";
import { newTraceparent } from "../trace.ts";
import type { Assembled } from "./assemble-document.ts";
import { findDuplicate } from "./find-duplicate.ts";
import { grantEnd } from "./grant-expired.ts";
import type { StagedFile } from "./grant-facts.ts";
import { withoutWords } from "./recall-request.ts";

type WritePorts = Pick<Ports, "ids" | "clock" | "config">;

const actor = "system:reconciler";

/** `known`: its row is as new as its files. The last two are for an operator: that came after the backup, too. */
type Written = "adopted" | "known" | "unknown_owner" | "unknown_kind";

/** Makes staged files the pages of a `granted` document: of a new row, or of one that is older than they are. */
export async function writeAdopted(
  ports: WritePorts,
  tx: Transaction,
  assembled: Assembled,
): Promise<Written> {
  const { newest } = assembled;
  const [owner, kind] = await Promise.all([findOwner(tx, newest.owner), findKind(tx, newest.kind)]);
  if (!owner) return "unknown_owner";
  if (!kind) return "unknown_kind";
  const written = (await insertRow(ports, tx, assembled)) || (await bringUpToDate(ports, tx, assembled));
  if (!written) return "known";
  await replaceFiles(tx, assembled);
  return "adopted";
}

/** False when there is a row: a client announced the document meanwhile, or always had. */
async function insertRow(ports: WritePorts, tx: Transaction, { newest, pages }: Assembled): Promise<boolean> {
  const [replaced, duplicateOf] = await Promise.all([
    newest.replaces ? findDocument(tx, newest.replaces) : undefined,
    findDuplicate(tx, { documentId: newest.document, sha256: newest.content }),
  ]);
  const traceparent = newTraceparent(ports.ids);
  const created = await tx
    .insertInto("document")
    .values({
      tenant_id: newest.tenant,
      id: newest.document,
      owner_id: newest.owner,
      kind: newest.kind,
      state: "granted",
      request_sha256: withoutWords(newest.request),
      content_sha256: newest.content,
      size_bytes: sizeOf(pages),
      duplicate_of: duplicateOf,
      replaces: replaced?.id ?? null,
      grant_expires_at: grantEnd(ports),
      created_at: newest.granted,
      traceparent,
    })
    .onConflict((conflict) => conflict.columns(["tenant_id", "id"]).doNothing())
    .returning("id")
    .executeTakeFirst();
  if (!created) return false;
  const of = { documentId: newest.document, version: 1, traceparent };
  await Promise.all([
    appendEvent(ports, tx, { ...of, type: "upload.adopted", data: factsOf({ newest, pages }) }),
    appendAudit(ports, tx, {
      actor,
      action: "upload.adopted",
      subject: newest.document,
      detail: { state: "granted", version: 1, granted: newest.granted.toISOString() },
    }),
  ]);
  return true;
}

/** False when the row is not older than the newest page, or the document waits for none. */
async function bringUpToDate(ports: WritePorts, tx: Transaction, assembled: Assembled): Promise<boolean> {
  const { newest, pages } = assembled;
  const row = await findDocument(tx, newest.document);
  if (!row || row.version >= newest.version || row.owner_id !== newest.owner) return false;
  const moved = await moveDocument(ports, tx, {
    documentId: row.id,
    from: ["granted", "expired"],
    to: "granted",
    version: row.version,
    set: {
      kind: newest.kind,
      content_sha256: newest.content,
      size_bytes: sizeOf(pages),
      grant_expires_at: grantEnd(ports),
      settled_at: null,
      staging_cleared_at: null,
    },
    event: { type: "upload.adopted", data: factsOf(assembled) },
    audit: { actor, action: "upload.adopted" },
  });
  return moved !== null;
}

function factsOf({ newest, pages }: Assembled): Record<string, unknown> {
  return { ownerId: newest.owner, kind: newest.kind, files: pages.length, sizeBytes: sizeOf(pages) };
}

/** Pages that the row had keep their names. */
async function replaceFiles(tx: Transaction, { newest, pages }: Assembled): Promise<void> {
  const before = await listFiles(tx, newest.document);
  const names = new Map(before.map(({ id, name }) => [id, name]));
  await tx
    .deleteFrom("document_file")
    .where((eb) => eb.and({ tenant_id: tx.insideTenant, document_id: newest.document }))
    .execute();
  const rows = pages.map(({ tenant, document, file, position, sha256, parts, there }) => ({
    tenant_id: tenant,
    document_id: document,
    id: file,
    position,
    name: names.get(file) ?? `page-${position}`,
    media_type: there.mediaType,
    size_bytes: there.sizeBytes,
    sha256,
    part_sha256: parts ?? null,
    staging_key: there.key,
  }));
  await tx.insertInto("document_file").values(rows).execute();
}

const sizeOf = (pages: StagedFile[]): number => pages.reduce((sum, { there }) => sum + there.sizeBytes, 0);

function findOwner(tx: Transaction, id: string) {
  return tx
    .selectFrom("app_user")
    .select("id")
    .where((eb) => eb.and({ tenant_id: tx.insideTenant, id }))
    .executeTakeFirst();
}

function findKind(tx: Transaction, name: string) {
  return tx
    .selectFrom("document_kind")
    .select("name")
    .where((eb) => eb.and({ tenant_id: tx.insideTenant, name }))
    .executeTakeFirst();
}
