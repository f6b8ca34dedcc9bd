import type { DocumentSummary, DocumentView } from "../api-shapes.ts";
import type { DocumentId } from "../ids.ts";
import { holdsOf } from "../retention/holds.ts";
import type { Transaction } from "../ports/database.ts";
import { type Actor, seesWholeTenant } from "../user/user.ts";
import { type Loaded, loadVisible, type SeenRow } from "./load-document.ts";

const iso = (moment: Date | null): string | null => moment?.toISOString() ?? null;

/** A document as this person may see it in a list. */
export function summarize(actor: Actor, document: SeenRow): DocumentSummary {
  return {
    id: document.id,
    ownerId: document.owner_id,
    kind: document.kind,
    loadNumber: document.load_number,
    note: document.note,
    state: document.state,
    version: document.version,
    reason: document.reason,
    detail: document.detail,
    confirmationCode: document.confirmation_code,
    duplicate: duplicateFor(actor, document),
    replaces: document.replaces,
    supersededBy: document.superseded_by,
    review: document.review,
    legalHold: document.legal_hold,
    heldUntil: iso(document.held_until),
    sizeBytes: document.size_bytes,
    pageCount: document.page_count,
    legibility: document.legibility,
    createdAt: document.created_at.toISOString(),
    receivedAt: iso(document.received_at),
    settledAt: iso(document.settled_at),
    grantExpiresAt: document.grant_expires_at.toISOString(),
    changedAt: document.changed_at.toISOString(),
  } as DocumentSummary;
}

/** A document's rows, and the same as this person may see it. */
export type Opened = Loaded & { view: DocumentView };

/** The document in full. */
export async function viewDocument(tx: Transaction, actor: Actor, documentId: string): Promise<DocumentView> {
  return (await openDocument(tx, actor, documentId)).view;
}

/** The document in full, with the rows that it was read from; one round trip. */
export async function openDocument(tx: Transaction, actor: Actor, documentId: string): Promise<Opened> {
  const [loaded, artefacts, timeline] = await Promise.all([
    loadVisible(tx, actor, documentId),
    listArtefacts(tx, documentId),
    listTimeline(tx, documentId),
  ]);
  const holds = seesWholeTenant(actor) ? listHolds(loaded.document) : null;
  const view = { ...summarize(actor, loaded.document), ...filesOf(loaded), artefacts, timeline, holds };
  return { ...loaded, view: view as DocumentView };
}

/** Whoever may see the document that was first gets its id; a driver else learns only that the content is on file. */
function duplicateFor(actor: Actor, document: SeenRow): DocumentSummary["duplicate"] {
  if (document.duplicate_of === null) return null;
  const isVisible = seesWholeTenant(actor) || document.duplicate_owner_id === actor.userId;
  return { documentId: isVisible ? (document.duplicate_of as DocumentId) : null };
}

function filesOf({ files }: Loaded) {
  return {
    files: files.map((file) => ({
      id: file.id,
      position: file.position,
      name: file.name,
      mediaType: file.media_type,
      detectedType: file.detected_type,
      sizeBytes: file.size_bytes,
      sha256: file.sha256,
      arrived: file.arrived_at !== null,
      pageCount: file.page_count,
      noPreviewReason: file.no_preview_reason,
    })),
    missing: files.filter((file) => file.arrived_at === null).map((file) => file.position),
  };
}

/** References name cases: for who sees the whole tenant. */
function listHolds(document: SeenRow): DocumentView["holds"] {
  return Object.entries(holdsOf(document))
    .map(([reference, until]) => ({ reference: reference || null, until: until && iso(new Date(until)) }))
    .toSorted((one, other) => ((one.reference ?? "") < (other.reference ?? "") ? -1 : 1));
}

async function listArtefacts(tx: Transaction, documentId: string) {
  return await tx
    .selectFrom("artefact")
    .select(["name", "media_type as mediaType", "size_bytes as sizeBytes", "sha256"])
    .where("tenant_id", "=", tx.insideTenant)
    .where("document_id", "=", documentId)
    .orderBy("created_at")
    .orderBy("name")
    .execute();
}

/** The latest 200 lines: what happened last is never cut off. */
async function listTimeline(tx: Transaction, documentId: string) {
  const rows = await tx
    .selectFrom("audit")
    .select(["at", "action"])
    .where("tenant_id", "=", tx.insideTenant)
    .where("subject", "=", documentId)
    .orderBy("id", "desc")
    .limit(200)
    .execute();
  return rows.toReversed().map(({ at, action }) => ({ at: at.toISOString(), action }));
}
