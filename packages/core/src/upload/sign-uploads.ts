import type { FileUpload, UploadReply, UploadRequest } from "../api-shapes.ts";
import type { DocumentFileRow, DocumentRow } from "../database/tables.ts";
import { documentLimits } from "../document/document.ts";
import { openDocument, type Opened } from "../document/view-document.ts";
import type { SignedRequest, StoredPart } from "../ports/objects.ts";
import type { Ports } from "../ports/ports.ts";
import type { Actor } from "../user/user.ts";
import { inParts, partSizes } from "./check-declaration.ts";
import { grantExpired, isGrantOver } from "./grant-expired.ts";
import { grantFacts } from "./grant-facts.ts";

export type SigningPorts = Pick<Ports, "database" | "objects" | "clock" | "config">;

/** Signs anew what has not arrived of a document; nothing to send when it is received or beyond. Refused when its grant is over. */
export async function signUploads(
  ports: SigningPorts,
  actor: Actor,
  documentId: string,
): Promise<UploadReply> {
  const opened = await ports.database.inOneTrip(actor.tenantId, (tx) => openDocument(tx, actor, documentId));
  if (isGrantOver(ports, opened.document)) throw grantExpired();
  return await signOpened(ports, opened);
}

/** A document with requests for what can be sent of it now: none unless it is `granted`. */
export async function signMissing(
  ports: SigningPorts,
  actor: Actor,
  documentId: string,
): Promise<UploadReply> {
  const opened = await ports.database.inOneTrip(actor.tenantId, (tx) => openDocument(tx, actor, documentId));
  return await signOpened(ports, opened);
}

/** The same of a document that was just read. */
export async function signOpened(
  ports: SigningPorts,
  { document, files, view }: Opened,
): Promise<UploadReply> {
  const open = document.state === "granted" ? files.filter((file) => file.arrived_at === null) : [];
  const uploads = await Promise.all(open.map((file) => signFile(ports, document, file)));
  return { document: view, uploads };
}

async function signFile(
  ports: SigningPorts,
  document: DocumentRow,
  file: DocumentFileRow,
): Promise<FileUpload> {
  const there = await ports.objects.head(file.staging_key);
  const requests = there
    ? []
    : inParts(file.size_bytes)
      ? await signParts(ports, document, file)
      : [await signWhole(ports, document, file)];
  return { fileId: file.id, position: file.position, requests } as FileUpload;
}

async function signWhole(
  ports: SigningPorts,
  document: DocumentRow,
  file: DocumentFileRow,
): Promise<UploadRequest> {
  const signed = await ports.objects.signPut({
    key: file.staging_key,
    sizeBytes: file.size_bytes,
    mediaType: file.media_type,
    sha256: file.sha256,
    metadata: grantFacts(document, file),
    expiresInMs: ports.config.periods.signedUrl,
  });
  return asRequest(signed, { partNumber: null, offset: 0, sizeBytes: file.size_bytes });
}

async function signParts(
  ports: SigningPorts,
  document: DocumentRow,
  file: DocumentFileRow,
): Promise<UploadRequest[]> {
  const open = await findOpen(ports, file);
  const uploadId = open?.uploadId ?? (await startParts(ports, document, file));
  const present = open?.parts ?? [];
  const missing = declaredParts(file).filter((part) => !present.some((stored) => isPart(stored, part)));
  return Promise.all(missing.map((part) => signPart(ports, file, uploadId, part)));
}

/**
 * The upload that the row remembers, and its parts; null when none takes parts: a restored database remembers one that is
 * over, and S3 throws them away after some days. No parts may mean either, and the list of uploads tells which.
 */
async function findOpen(
  { objects }: SigningPorts,
  { staging_key: key, upload_id: uploadId }: DocumentFileRow,
): Promise<{ uploadId: string; parts: StoredPart[] } | null> {
  if (uploadId === null) return null;
  const parts = await objects.listParts(key, uploadId);
  if (parts.length > 0) return { uploadId, parts };
  for await (const upload of objects.listUploads(key))
    if (upload.uploadId === uploadId) return { uploadId, parts };
  return null;
}

async function signPart(
  ports: SigningPorts,
  file: DocumentFileRow,
  uploadId: string,
  part: DeclaredPart,
): Promise<UploadRequest> {
  const signed = await ports.objects.signPart({
    key: file.staging_key,
    uploadId,
    partNumber: part.partNumber,
    sizeBytes: part.sizeBytes,
    sha256: part.sha256,
    expiresInMs: ports.config.periods.signedUrl,
  });
  return asRequest(signed, { ...part, offset: (part.partNumber - 1) * documentLimits.partBytes });
}

/**
 * Two callers may start at once, each in place of what the row remembered: it takes one upload, the other is thrown away.
 * When the page was dropped or got a new key meanwhile, nobody waits for these parts any more; the caller finds out when
 * asking again.
 */
async function startParts(
  ports: SigningPorts,
  document: DocumentRow,
  file: DocumentFileRow,
): Promise<string> {
  const { uploadId } = await ports.objects.startParts(file.staging_key, {
    mediaType: file.media_type,
    metadata: grantFacts(document, file),
  });
  const kept = await ports.database.withTenant(document.tenant_id as never, async (tx) => {
    const ofFile = {
      tenant_id: document.tenant_id,
      document_id: document.id,
      id: file.id,
      staging_key: file.staging_key,
    };
    await tx
      .updateTable("document_file")
      .set({ upload_id: uploadId })
      .where((eb) => eb.and(ofFile))
      .where("upload_id", file.upload_id === null ? "is" : "=", file.upload_id)
      .execute();
    return await tx
      .selectFrom("document_file")
      .select("upload_id")
      .where((eb) => eb.and(ofFile))
      .executeTakeFirst();
  });
  if (!kept?.upload_id || kept.upload_id === uploadId) return uploadId;
  await ports.objects.abortParts(file.staging_key, uploadId);
  return kept.upload_id;
}

type DeclaredPart = { partNumber: number; sizeBytes: number; sha256: string };

/** The parts of a file as its grant declares them. */
export function declaredParts(file: Pick<DocumentFileRow, "size_bytes" | "part_sha256">): DeclaredPart[] {
  return partSizes(file.size_bytes).map((sizeBytes, index) => ({
    partNumber: index + 1,
    sizeBytes,
    sha256: file.part_sha256![index]!,
  }));
}

/** Whether a stored part is the declared one. */
export function isPart(stored: StoredPart, declared: DeclaredPart): boolean {
  return (
    stored.partNumber === declared.partNumber &&
    stored.sizeBytes === declared.sizeBytes &&
    stored.sha256 === declared.sha256
  );
}

function asRequest(
  signed: SignedRequest,
  part: Pick<UploadRequest, "partNumber" | "offset" | "sizeBytes">,
): UploadRequest {
  const { partNumber, offset, sizeBytes } = part;
  return { partNumber, offset, sizeBytes, ...signed, expiresAt: signed.expiresAt.toISOString() };
}
