import { sql } from "kysely";
import type { PageLegibility } from "../database/tables.ts";
import type { Claim } from "../job/claim-document.ts";
import { LeaseLost } from "../job/hold-lease.ts";
import { endTurn } from "../job/pass-turn.ts";
import { someWaitForTurn } from "../job/turn.ts";
import type { Transaction } from "../ports/database.ts";
import type { Ports } from "../ports/ports.ts";
import { documentLimits } from "./document.ts";
import { type Move, moveDocument } from "./move-document.ts";
import { countPages, numberFiles, numberPages } from "./page-numbers.ts";
import type { Rejection } from "./rejection.ts";
import type { RenderedFile } from "./render-files.ts";
import type { Isolation } from "./rendering.ts";
import type { SealedDocument } from "./seal-document.ts";
import { supersedeDocument } from "./supersede-document.ts";

type StorePorts = Pick<Ports, "database" | "queue" | "clock" | "config" | "ids" | "log">;
type Sealed = { files: RenderedFile[]; sealed: SealedDocument; isolation: Isolation };

/**
 * Makes a sealed document `stored`: state, artefacts, wrapped key, page texts, audit and outbox in one transaction.
 * Throws `LeaseLost`, and records nothing, when another attempt holds the document by now.
 */
export async function storeDocument(
  ports: StorePorts,
  claim: Claim,
  { files, sealed, isolation }: Sealed,
): Promise<void> {
  const { document, token } = claim;
  const move: Move = {
    documentId: document.id,
    from: ["processing"],
    to: "stored",
    token,
    set: {
      lease_until: null,
      settled_at: sql`clock_timestamp()`,
      ...verdictOf(files),
      isolation: JSON.stringify(isolation),
    },
    event: { type: "document.stored", data: storedFacts(claim, files) },
    audit: {
      actor: "system:processor",
      action: "document.stored",
      detail: { token, originals: files.map(({ file }) => file.sha256) },
    },
  };
  let someWait = false as boolean;
  await ports.database.withTenant(document.tenant_id as never, (tx) =>
    settle(ports, tx, move, [
      async () => (someWait = await someWaitForTurn(tx)),
      () => insertArtefacts(tx, claim, sealed),
      () => insertKey(tx, claim, sealed),
      () => insertTexts(tx, document.id, files),
      ...files.map((file) => () => recordFile(tx, file)),
      ...(document.replaces === null
        ? []
        : [() => supersedeDocument(ports, tx, { replaced: document.replaces!, by: document.id })]),
    ]),
  );
  ports.log.info("document.stored", { documentId: document.id, token, pages: countPages(files) });
  if (someWait) await endTurn(ports, document);
}

/** Refuses a document for good: theirs, final, said in plain words. Throws `LeaseLost` like `storeDocument`. */
export async function rejectDocument(
  ports: StorePorts,
  { document, token }: Claim,
  { reason, detail }: Rejection,
): Promise<void> {
  const rejected = await ports.database.inOneTrip(document.tenant_id as never, (tx) =>
    moveDocument(ports, tx, {
      documentId: document.id,
      from: ["processing"],
      to: "rejected",
      token,
      set: { lease_until: null, settled_at: sql`clock_timestamp()`, reason, detail },
      event: { type: "document.rejected", data: { ownerId: document.owner_id, reason } },
      audit: { actor: "system:processor", action: "document.rejected", detail: { reason, token } },
    }),
  );
  if (rejected === null) throw settledByAnother();
  ports.log.info("document.rejected", { documentId: document.id, token, reason });
  await endTurn(ports, document);
}

/** All statements travel together; the move alone decides whether they count. */
async function settle(
  ports: StorePorts,
  tx: Transaction,
  move: Move,
  others: (() => Promise<unknown>)[],
): Promise<void> {
  const moving = moveDocument(ports, tx, move);
  const results = await Promise.allSettled([moving, ...others.map((start) => start())]);
  if ((await moving) === null) throw settledByAnother();
  const fault = results.find((result) => result.status === "rejected");
  if (fault) throw fault.reason;
}

const settledByAnother = () => new LeaseLost("the document was settled by another attempt");

function verdictOf(files: RenderedFile[]) {
  const missing = files.find((file) => file.noPreview !== null);
  return {
    page_count: countPages(files),
    legibility: JSON.stringify(legibilityOf(files)),
    reason: missing ? `no_preview_${missing.noPreview}` : null,
    detail: missing ? `The original is safe. ${noPreviewWords[missing.noPreview!]}` : null,
  };
}

const noPreviewWords = {
  broken: "It is damaged and cannot be shown: if you can, take the photo again.",
  encrypted: "It is locked with a password and cannot be shown: if you can, send it without.",
  timed_out: "It is too complex to be shown: if you can, send a photo of it.",
  out_of_memory: "It is too large to be shown: if you can, send a photo of it.",
  decoder_crashed: "It cannot be shown: if you can, send a photo of it.",
} as const;

/** Verdicts by page of the document, as its `page-n` artefacts are numbered. */
function legibilityOf(files: RenderedFile[]): PageLegibility[] {
  return numberPages(files).map(({ number, page }) => ({ page: number, reasons: page.legibility }));
}

function storedFacts({ document, token }: Claim, files: RenderedFile[]): Record<string, unknown> {
  return {
    ownerId: document.owner_id,
    replaces: document.replaces,
    attempt: token,
    pageCount: countPages(files),
    duplicateOf: document.duplicate_of,
    legibility: legibilityOf(files).filter(({ reasons }) => reasons.length > 0),
    files: files.map(({ file, mediaType, noPreview }) => ({
      position: file.position,
      sha256: file.sha256,
      sizeBytes: file.size_bytes,
      mediaType,
      noPreview,
    })),
  };
}

async function insertArtefacts(
  tx: Transaction,
  { document, token }: Claim,
  { artefacts }: SealedDocument,
): Promise<void> {
  const rows = artefacts.map((artefact) => ({
    tenant_id: document.tenant_id,
    document_id: document.id,
    name: artefact.name,
    attempt: token,
    media_type: artefact.mediaType,
    size_bytes: artefact.sizeBytes,
    sha256: artefact.sha256,
    sealed_size_bytes: artefact.sealedSizeBytes,
    sealed_sha256: artefact.sealedSha256,
    vault_key: artefact.vaultKey,
    version_id: artefact.versionId,
  }));
  await tx.insertInto("artefact").values(rows).execute();
}

async function insertKey(
  tx: Transaction,
  { document, token }: Claim,
  { wrappedKey, rootKeyId }: SealedDocument,
): Promise<void> {
  await tx
    .insertInto("document_key")
    .values({
      tenant_id: document.tenant_id,
      document_id: document.id,
      attempt: token,
      wrapped: Buffer.from(wrappedKey),
      root_key_id: rootKeyId,
    })
    .execute();
}

async function insertTexts(tx: Transaction, documentId: string, files: RenderedFile[]): Promise<void> {
  let left: number = documentLimits.searchableCharacters;
  const rows = numberFiles(files)
    .flatMap(({ file, firstPage }) =>
      (file.text ?? []).map((text, index) => {
        const body = searchable(text, Math.min(left, documentLimits.searchablePageCharacters));
        left -= body.length;
        return { page: firstPage + index, body };
      }),
    )
    .filter(({ body }) => body.trim() !== "");
  if (rows.length === 0) return;
  // One statement for any number of pages: with values of each row it would end at 65,535 of them.
  const [pages, bodies] = [rows.map(({ page }) => page), rows.map(({ body }) => body)];
  await tx
    .insertInto("page_text")
    .columns(["tenant_id", "document_id", "page", "body"])
    .expression(
      sql`select ${tx.insideTenant}::uuid, ${documentId}::uuid, page, body
        from unnest(${pages}::int[], ${bodies}::text[]) as texts (page, body)`,
    )
    .execute();
}

/** The beginning of a text as PostgreSQL takes it: without the character 0 and halves of characters. */
function searchable(text: string, characters: number): string {
  return text.slice(0, characters).replaceAll("\0", "").toWellFormed();
}

async function recordFile(
  tx: Transaction,
  { file, mediaType, pageCount: pages, noPreview }: RenderedFile,
): Promise<void> {
  await tx
    .updateTable("document_file")
    .set({ detected_type: mediaType, page_count: pages, no_preview_reason: noPreview })
    .where((eb) => eb.and({ tenant_id: file.tenant_id, document_id: file.document_id, id: file.id }))
    .execute();
}
