import { createHash, randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { DocumentView, FileDeclaration, FileUpload } from "@strongroom/core/api-shapes";
import { type DocumentState, documentLimits } from "@strongroom/core/document/document";
import type { LegibilityReason } from "@strongroom/core/document/rendering";
import type * as z from "zod";

type Outcome = {
  state: DocumentState;
  reason: string | null;
  detail: string | null;
  legibility: LegibilityReason[][];
};
type Piece = {
  page: number;
  partNumber: number | null;
  offset: number;
  sizeBytes: number;
  sha256: string;
  bytes: Buffer | null;
};

/** A document of the stand-in server; its bytes lie in memory, one piece per signed PUT. */
export type StandInDocument = ReturnType<typeof createDocument>;

/** Made from an accepted request; `clock` is the server's. */
export function createDocument(
  order: { id: string; kind: string; files: FileDeclaration[]; loadNumber?: string | null },
  clock: () => Date = () => new Date(),
) {
  const now = () => clock().toISOString();
  const document = {
    id: order.id,
    request: JSON.stringify(order),
    order,
    fileIds: order.files.map(() => randomUUID()),
    pieces: order.files.flatMap((file, index) => piecesOf(file, index + 1)),
    /** Signed URLs by their nonce, and what they allow. */
    signed: new Map<string, Piece>(),
    state: "granted" as DocumentState,
    version: 1,
    outcome: null as Outcome | null,
    holds: [] as { reference: string | null; until: string | null }[],
    changedAt: now(),
    timeline: [{ at: now(), action: "upload.accepted" }],
    move(state: DocumentState) {
      if (document.state === state || document.state === "stored") return;
      Object.assign(document, { state, version: document.version + 1, changedAt: now() });
      document.timeline.push({ at: document.changedAt, action: `document.${state}` });
    },
    /** One step along the pipeline, to the given end. */
    proceed(outcome: Outcome) {
      if (document.state === "processing") {
        document.outcome = outcome;
        document.move(outcome.state);
      } else if (document.state === "received") document.move("processing");
    },
  };
  return document;
}

function piecesOf(file: FileDeclaration, page: number): Piece[] {
  const inParts = file.sizeBytes > documentLimits.singlePutBytes;
  if (!inParts)
    return [
      { page, partNumber: null, offset: 0, sizeBytes: file.sizeBytes, sha256: file.sha256, bytes: null },
    ];
  return (file.parts ?? []).map((sha256, index) => {
    const offset = index * documentLimits.partBytes;
    const sizeBytes = Math.min(documentLimits.partBytes, file.sizeBytes - offset);
    return { page, partNumber: index + 1, offset, sizeBytes, sha256, bytes: null };
  });
}

/** Positions of the pages that have not arrived. */
export function missingOf({ pieces }: StandInDocument): number[] {
  return [...new Set(pieces.filter(({ bytes }) => bytes === null).map(({ page }) => page))];
}

/** Signs anew whatever is missing; URLs that were signed before stay good. */
export function uploadsOf(document: StandInDocument, url: string): z.input<typeof FileUpload>[] {
  return document.fileIds.map((fileId, index) => {
    const open = document.pieces.filter(({ page, bytes }) => page === index + 1 && bytes === null);
    return { fileId, position: index + 1, requests: open.map((piece) => sign(document, piece, url)) };
  });
}

function sign(document: StandInDocument, piece: Piece, url: string) {
  const nonce = randomUUID();
  document.signed.set(nonce, piece);
  const { partNumber, offset, sizeBytes, sha256, page } = piece;
  const single = { "content-type": document.order.files[page - 1]!.mediaType, "if-none-match": "*" };
  const headers = {
    "content-length": String(sizeBytes),
    "x-amz-checksum-sha256": Buffer.from(sha256, "hex").toString("base64"),
    ...(partNumber === null ? single : {}),
  };
  const expiresAt = new Date(Date.now() + 300_000).toISOString();
  return {
    partNumber,
    offset,
    sizeBytes,
    method: "PUT" as const,
    url: `${url}/put/${document.id}/${nonce}`,
    headers,
    expiresAt,
  };
}

/** What the store does with a PUT: exactly what was signed is taken, all else is refused as S3 does. */
export function applyPut(
  document: StandInDocument | undefined,
  nonce: string,
  { headers }: IncomingMessage,
  bytes: Buffer,
): { status: number; message: string | null; stored: string | null } {
  const refuse = (status: number, message: string) => ({ status, message, stored: null });
  const piece = document?.signed.get(nonce);
  if (document === undefined || piece === undefined) return refuse(403, "Request has expired");
  const checksum = Buffer.from(piece.sha256, "hex").toString("base64");
  const asSigned =
    headers["transfer-encoding"] === undefined &&
    headers["content-length"] === String(piece.sizeBytes) &&
    headers["x-amz-checksum-sha256"] === checksum &&
    (piece.partNumber !== null || headers["if-none-match"] === "*") &&
    (piece.partNumber !== null ||
      headers["content-type"] === document.order.files[piece.page - 1]!.mediaType);
  if (!asSigned || headers.authorization !== undefined)
    return refuse(403, "The request is not as it was signed");
  if (createHash("sha256").update(bytes).digest("hex") !== piece.sha256)
    return refuse(400, "The SHA-256 you specified did not match");
  if (piece.partNumber === null && piece.bytes !== null)
    return refuse(412, "There is an object of this name");
  piece.bytes = bytes;
  return {
    status: 200,
    message: null,
    stored: `page ${piece.page}${piece.partNumber === null ? "" : ` part ${piece.partNumber}`}`,
  };
}

/** The bytes of `original-<n>`. */
export function contentOf({ pieces }: StandInDocument, artefact: string): Buffer {
  const page = Number(/^original-(\d+)$/.exec(artefact)?.[1]);
  return Buffer.concat(
    pieces.filter((piece) => piece.page === page).map(({ bytes }) => bytes ?? Buffer.alloc(0)),
  );
}

/** The document as the contract shows it. */
export function viewOf(document: StandInDocument): z.input<typeof DocumentView> {
  const { id, order, state, version, outcome, changedAt, timeline, holds } = document;
  const missing = missingOf(document);
  const stored = state === "stored";
  const code = ["granted", "expired"].includes(state) ? null : "ACDE-FGHJ";
  return {
    id,
    ownerId: "0198f1c2-0000-4000-8000-000000000001",
    kind: order.kind,
    loadNumber: order.loadNumber ?? null,
    note: null,
    state,
    version,
    reason: outcome?.reason ?? null,
    detail: outcome?.detail ?? null,
    confirmationCode: code,
    duplicate: null,
    replaces: null,
    supersededBy: null,
    review: "unreviewed",
    legalHold: holds.some(({ until }) => until === null),
    heldUntil:
      holds
        .flatMap(({ until }) => until ?? [])
        .toSorted()
        .at(-1) ?? null,
    holds,
    sizeBytes: order.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    pageCount: stored ? order.files.length : null,
    legibility: outcome?.legibility.map((reasons, index) => ({ page: index + 1, reasons })) ?? null,
    createdAt: timeline[0]!.at,
    receivedAt: code === null ? null : timeline[1]!.at,
    settledAt: outcome === null ? null : changedAt,
    grantExpiresAt: new Date(Date.parse(timeline[0]!.at) + 604_800_000).toISOString(),
    changedAt,
    files: order.files.map(({ parts: _, ...file }, index) => ({
      ...file,
      id: document.fileIds[index]!,
      position: index + 1,
      detectedType: null,
      arrived: !missing.includes(index + 1),
      pageCount: null,
      noPreviewReason: null,
    })),
    missing,
    artefacts: stored
      ? order.files.map(({ mediaType, sizeBytes, sha256 }, index) => ({
          name: `original-${index + 1}`,
          mediaType,
          sizeBytes,
          sha256,
        }))
      : [],
    timeline,
  };
}
