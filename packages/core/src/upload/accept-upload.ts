import type { AcceptUploadRequest, FileDeclaration } from "../api-shapes.ts";
import type { DocumentRow } from "../database/tables.ts";
import { sha256Hex } from "../digest.ts";
import { findDocument } from "../document/load-document.ts";
import { openDocument, type Opened } from "../document/view-document.ts";
import { Refusal } from "../errors.ts";
import { appendAudit } from "../audit/append-audit.ts";
import { appendEvent } from "../event/append-event.ts";
import type { Transaction } from "../ports/database.ts";
import type { Ports } from "../ports/ports.ts";
import { newTraceparent } from "../trace.ts";
import { type Actor, actorName } from "../user/user.ts";
import { checkFiles, contentSha256 } from "./check-declaration.ts";
import { checkOverload, unattendedSince } from "./check-overload.ts";
import { checkRecalled, type Counted, readQuota, recallCount } from "./check-quota.ts";
import { findDuplicate } from "./find-duplicate.ts";
import { grantEnd } from "./grant-expired.ts";
import { type AcceptPorts, type Reply, repeatUpload, type Wanted } from "./repeat-upload.ts";
import { signOpened } from "./sign-uploads.ts";
import { stagingKey } from "./staging-key.ts";

/**
 * Accepts a document that a client announces, and signs its uploads. Idempotent by document id: the same id and request
 * answer the same again (and revive an expired grant, if there is room for a new one), the same id with another request is
 * refused, and so is what was erased.
 */
export async function acceptUpload(
  ports: AcceptPorts,
  actor: Actor,
  request: AcceptUploadRequest,
): Promise<Reply> {
  checkFiles(request.files);
  const wanted = {
    request,
    sha256: hashRequest(request),
    contentSha256: contentSha256(request.files),
    sizeBytes: request.files.reduce((sum, file) => sum + file.sizeBytes, 0),
  };
  const counted = await recallCount(ports, actor.tenantId);
  const seen = await ports.database.inOneTrip(actor.tenantId, (tx) =>
    lookAround(ports, tx, actor, { ...wanted, counted }),
  );
  if (seen.known) return await repeatUpload(ports, actor, seen.known, wanted, seen);
  checkRequest(ports, actor, wanted, seen);
  await checkRecalled(ports, actor, seen, { documents: 1, bytes: wanted.sizeBytes });
  return await create(ports, actor, wanted, seen);
}

type Surroundings = Awaited<ReturnType<typeof lookAround>>;

/** All that decides about a request, in one round trip. */
async function lookAround(
  ports: AcceptPorts,
  tx: Transaction,
  actor: Actor,
  { request, contentSha256: sha256, counted }: Wanted & { counted: Counted | null },
) {
  const [known, waitingSince, kinds, replaced, quota, duplicateOf] = await Promise.all([
    findDocument(tx, request.id),
    unattendedSince(ports, tx),
    listKindNames(tx),
    request.replaces ? findDocument(tx, request.replaces) : undefined,
    readQuota(tx, actor, counted),
    findDuplicate(tx, { documentId: request.id, sha256 }),
  ]);
  return { known, waitingSince, kinds, replaced, quota, counted, duplicateOf };
}

function checkRequest(ports: AcceptPorts, actor: Actor, { request }: Wanted, seen: Surroundings) {
  checkOverload(ports, seen.waitingSince);
  checkKind(seen.kinds, request.kind);
  if (request.replaces) checkReplaced(actor, seen.replaced);
}

/** The request as one text: what the client may repeat is equal in every field. */
function hashRequest({ id, kind, loadNumber, note, replaces, files }: AcceptUploadRequest): string {
  const listed = files.map((file) => [
    file.name,
    file.mediaType,
    file.sizeBytes,
    file.sha256,
    file.parts ?? [],
  ]);
  return sha256Hex(JSON.stringify([id, kind, loadNumber ?? null, note ?? null, replaces ?? null, listed]));
}

async function create(ports: AcceptPorts, actor: Actor, wanted: Wanted, seen: Surroundings): Promise<Reply> {
  try {
    const opened = await ports.database.inOneTrip(actor.tenantId, (tx) =>
      insert(ports, tx, actor, wanted, seen.duplicateOf),
    );
    return { created: true, ...(await signOpened(ports, opened)) };
  } catch (error) {
    if (!isRepeatedId(error)) throw error;
    const known = await ports.database.inOneTrip(actor.tenantId, (tx) => findDocument(tx, wanted.request.id));
    if (!known) throw error;
    return await repeatUpload(ports, actor, known, wanted, seen);
  }
}

/** Two equal requests at once: the second one meets the primary key and is a repetition. */
function isRepeatedId(error: unknown): boolean {
  return error instanceof Error && "constraint" in error && error.constraint === "document_pkey";
}

async function insert(
  ports: AcceptPorts,
  tx: Transaction,
  actor: Actor,
  { request, sha256, contentSha256: contents, sizeBytes }: Wanted,
  duplicateOf: string | null,
): Promise<Opened> {
  const traceparent = newTraceparent(ports.ids);
  const inserted = Promise.all([
    tx
      .insertInto("document")
      .values({
        tenant_id: actor.tenantId,
        id: request.id,
        owner_id: actor.userId,
        kind: request.kind,
        load_number: request.loadNumber ?? null,
        note: request.note ?? null,
        state: "granted",
        request_sha256: sha256,
        content_sha256: contents,
        size_bytes: sizeBytes,
        duplicate_of: duplicateOf,
        replaces: request.replaces ?? null,
        grant_expires_at: grantEnd(ports),
        traceparent,
      })
      .execute(),
    insertFiles(
      ports,
      tx,
      request.id,
      request.files.map((file, index) => ({ file, position: index + 1 })),
    ),
    appendEvent(ports, tx, {
      documentId: request.id,
      version: 1,
      type: "upload.accepted",
      traceparent,
      data: { ownerId: actor.userId, kind: request.kind, files: request.files.length, sizeBytes },
    }),
    appendAudit(ports, tx, {
      actor: actorName(actor),
      action: "upload.accepted",
      subject: request.id,
      detail: { state: "granted", version: 1 },
    }),
  ]);
  const [opened] = await Promise.all([openDocument(tx, actor, request.id), inserted]);
  return opened;
}

/** Adds files to a document, each under a staging key of its own. */
export async function insertFiles(
  ports: Pick<Ports, "ids">,
  tx: Transaction,
  documentId: string,
  pages: { file: FileDeclaration; position: number }[],
): Promise<void> {
  const rows = pages.map(({ file, position }) => {
    const id = ports.ids.uuid();
    return {
      tenant_id: tx.insideTenant,
      document_id: documentId,
      id,
      position,
      name: file.name,
      media_type: file.mediaType,
      size_bytes: file.sizeBytes,
      sha256: file.sha256,
      part_sha256: file.parts ?? null,
      staging_key: stagingKey(ports.ids, { tenantId: tx.insideTenant, documentId, fileId: id }),
    };
  });
  await tx.insertInto("document_file").values(rows).execute();
}

/** Names of the document kinds that the tenant has, sorted. */
export async function listKindNames(tx: Transaction): Promise<string[]> {
  const kinds = await tx
    .selectFrom("document_kind")
    .select("name")
    .where("tenant_id", "=", tx.insideTenant)
    .orderBy("name")
    .execute();
  return kinds.map(({ name }) => name);
}

/** Refuses a kind that is not among the tenant's. */
export function checkKind(known: readonly string[], kind: string): void {
  if (known.includes(kind)) return;
  throw new Refusal(
    "unknown_kind",
    `There is no document kind “${kind}”. Choose one of: ${known.join(", ")}.`,
  );
}

function checkReplaced(actor: Actor, target: DocumentRow | undefined): void {
  if (!target || target.owner_id !== actor.userId || target.state === "erased") {
    throw new Refusal("unknown_replaced", "The document that this one shall replace is not one of yours.", {
      status: 404,
    });
  }
  if (target.superseded_by !== null) {
    throw new Refusal(
      "already_replaced",
      "That document was already replaced by a newer one. Replace the newest one.",
      {
        status: 409,
        details: { supersededBy: target.superseded_by },
      },
    );
  }
}
