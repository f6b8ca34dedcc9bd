import * as z from "zod";
import { DocumentState, documentLimits, reviewStates } from "./document/document.ts";
import { legibilityReasons } from "./document/rendering.ts";
import { DeviceId, DocumentId, FileId, SpokenCode, TenantId, UserId } from "./ids.ts";
import { deviceLimits, Role } from "./user/user.ts";

const text = (max: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(max)
    .refine((value) => !/\p{Cc}/u.test(value), "contains control characters");
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, "is not a SHA-256 in 64 lower-case hex digits");
const moment = z.iso.datetime();
const momentOrNull = moment.nullable();
const count = z.number().int().min(0);

/** An edit that names nothing would raise a version, make an event and leave a line in the audit trail for no change. */
const changesSomething = (edit: object) => Object.values(edit).some((value) => value !== undefined);
const changesNothing = { error: "changes nothing; name at least one field" };

/** One file of a document, as the client declares it; `parts` only above 16 MiB: the SHA-256 of each 8 MiB part in order. */
export const FileDeclaration = z.strictObject({
  name: text(documentLimits.nameLength),
  mediaType: z.string().regex(/^[a-z]+\/[a-z0-9.+-]{1,80}$/, "is not a media type such as image/jpeg"),
  sizeBytes: z.number().int(),
  sha256,
  parts: z
    .array(sha256)
    .max(Math.ceil(documentLimits.fileBytes / documentLimits.partBytes))
    .optional(),
});
export type FileDeclaration = z.infer<typeof FileDeclaration>;

const LoadNumber = text(64);
const Note = text(2_000);
const KindName = z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, "is not the name of a document kind");

/** `POST /v1/documents`: the client makes the id (UUIDv7), so that a repeated request is the same request. */
export const AcceptUploadRequest = z.strictObject({
  id: DocumentId,
  kind: KindName,
  loadNumber: LoadNumber.nullish(),
  note: Note.nullish(),
  replaces: DocumentId.nullish(),
  files: z.array(FileDeclaration).min(1),
});
export type AcceptUploadRequest = z.infer<typeof AcceptUploadRequest>;

/** `PATCH /v1/documents/{id}`; `files` is the whole new list of pages: `{id}` keeps one, a declaration adds one. */
export const EditDocumentRequest = z
  .strictObject({
    kind: KindName.optional(),
    loadNumber: LoadNumber.nullable().optional(),
    note: Note.nullable().optional(),
    files: z
      .array(z.union([z.strictObject({ id: FileId }), FileDeclaration]))
      .min(1)
      .optional(),
  })
  .refine(changesSomething, changesNothing);
export type EditDocumentRequest = z.infer<typeof EditDocumentRequest>;

/** Why a hold is set or lifted. */
export const holdReasons = ["claim", "dispute", "investigation", "audit", "closed", "other"] as const;

/**
 * `POST /v1/documents/{id}/hold`: sets a hold, with an end or without, or lifts it. The audit keeps `reason` and `reference`
 * (a case number, say) for good, beyond any erasure: no names there.
 */
export const HoldRequest = z
  .strictObject({
    held: z.boolean(),
    reason: z.enum(holdReasons),
    reference: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,63}$/, "is not a reference such as CASE-2026/17")
      .nullish(),
    until: moment.nullish(),
  })
  .refine(({ held, until }) => held || !until, {
    path: ["until"],
    error: "is the end of a hold that is set; leave it out when one is lifted",
  });
export type HoldRequest = z.infer<typeof HoldRequest>;

/** One request to send exactly as it stands: `sizeBytes` bytes of the file from `offset`. */
export const UploadRequest = z.object({
  /** Null for a single PUT. */
  partNumber: z.number().int().nullable(),
  offset: count,
  sizeBytes: count,
  method: z.literal("PUT"),
  url: z.url(),
  headers: z.record(z.string(), z.string()),
  expiresAt: moment,
});
export type UploadRequest = z.infer<typeof UploadRequest>;

/** What is left to send of one file; `requests` is empty when all of it is there. */
export const FileUpload = z.object({ fileId: FileId, position: count, requests: z.array(UploadRequest) });
export type FileUpload = z.infer<typeof FileUpload>;

const FileView = z.object({
  id: FileId,
  /** 1 for the first page. */
  position: count,
  name: z.string(),
  mediaType: z.string(),
  /** Told from the content by the processor; null before. */
  detectedType: z.string().nullable(),
  sizeBytes: count,
  sha256,
  arrived: z.boolean(),
  pageCount: count.nullable(),
  noPreviewReason: z.string().nullable(),
});
export const ArtefactView = z.object({ name: z.string(), mediaType: z.string(), sizeBytes: count, sha256 });
export type ArtefactView = z.infer<typeof ArtefactView>;
/** One of a document's holds; `until` is null for one that lasts until it is lifted, and may be past. */
const HoldView = z.object({ reference: z.string().nullable(), until: momentOrNull });
const PageVerdict = z.object({ page: count, reasons: z.array(z.enum(legibilityReasons)) });

/** A document in a list. */
export const DocumentSummary = z.object({
  id: DocumentId,
  ownerId: UserId,
  kind: z.string(),
  loadNumber: z.string().nullable(),
  note: z.string().nullable(),
  state: DocumentState,
  version: count,
  /** Stable code and plain words for where it is; null while there is nothing to say. */
  reason: z.string().nullable(),
  detail: z.string().nullable(),
  /** Eight characters, from `received` on. */
  confirmationCode: z.string().nullable(),
  /** Set when the same content is already on file; its id only for whoever may see that document. */
  duplicate: z.object({ documentId: DocumentId.nullable() }).nullable(),
  replaces: DocumentId.nullable(),
  supersededBy: DocumentId.nullable(),
  review: z.enum(reviewStates),
  /** A hold without an end; while it lasts nobody can erase the document. */
  legalHold: z.boolean(),
  /** The end of a hold that has one. */
  heldUntil: momentOrNull,
  sizeBytes: count,
  pageCount: count.nullable(),
  /** Per page, what may make it hard to read; null before processing. */
  legibility: z.array(PageVerdict).nullable(),
  createdAt: moment,
  receivedAt: momentOrNull,
  settledAt: momentOrNull,
  grantExpiresAt: moment,
  changedAt: moment,
});
export type DocumentSummary = z.infer<typeof DocumentSummary>;

/** A document in full. */
export const DocumentView = DocumentSummary.extend({
  files: z.array(FileView),
  /** Positions of the pages that have not arrived. */
  missing: z.array(count),
  artefacts: z.array(ArtefactView),
  timeline: z.array(z.object({ at: moment, action: z.string() })),
  /** Every hold by its reference, for who sees the whole tenant; null for others, and from a release that does not tell. */
  holds: z.array(HoldView).nullable().default(null),
});
export type DocumentView = z.infer<typeof DocumentView>;

export const UploadReply = z.object({ document: DocumentView, uploads: z.array(FileUpload) });
export type UploadReply = z.infer<typeof UploadReply>;
export const DocumentReply = z.object({ document: DocumentView });
export const ListDocumentsQuery = z.strictObject({
  state: DocumentState.optional(),
  kind: KindName.optional(),
  loadNumber: LoadNumber.optional(),
  code: SpokenCode.optional(),
  /** Words to find in the text of the pages. */
  search: text(200).optional(),
  /** Only what changed at or after this moment; answers may repeat some seconds of it, so compare versions. */
  changedSince: moment.optional(),
  cursor: z.string().max(200).optional(),
  limit: z.coerce.number().int().min(1).max(100).default(25),
});
export type ListDocumentsQuery = z.infer<typeof ListDocumentsQuery>;
export const DocumentList = z.object({
  documents: z.array(DocumentSummary),
  nextCursor: z.string().nullable(),
});

/** `original-1`, `page-1`, `thumbnail-1`, `combined`, `capture-facts`. */
export const ArtefactName = z
  .string()
  .regex(/^(original|page|thumbnail)-[1-9][0-9]{0,4}$|^combined$|^capture-facts$/);
export const TicketRequest = z.strictObject({ artefact: ArtefactName });
/** A URL that shows one artefact to one person for 60 seconds. */
export const Ticket = z.object({ url: z.url(), expiresAt: moment });
export const ContentQuery = z.strictObject({ artefact: ArtefactName, ticket: z.string().max(2_000) });

export const Me = z.object({
  id: UserId,
  tenantId: TenantId,
  name: z.string(),
  role: Role,
  language: z.string(),
});
export const EditMeRequest = z
  .strictObject({
    name: text(120).optional(),
    language: z
      .string()
      .regex(/^[a-z]{2}(-[A-Z]{2})?$/)
      .optional(),
  })
  .refine(changesSomething, changesNothing);
export const DeviceRequest = z.strictObject({
  platform: z.enum(["ios", "android", "web"]),
  pushToken: text(deviceLimits.tokenLength),
});
export const Device = z.object({
  id: DeviceId,
  platform: z.enum(["ios", "android", "web"]),
  registeredAt: moment,
});
export const DeviceList = z.object({ devices: z.array(Device) });
export const KindList = z.object({
  kinds: z.array(z.object({ name: z.string(), title: z.string(), retentionDays: count })),
});
export const PublicKeySet = z.object({ keys: z.array(z.record(z.string(), z.string())) });
export const Health = z.object({
  status: z.enum(["ok", "degraded"]),
  /** What decode children are kept from; null while no processor has reported. */
  isolation: z.record(z.string(), z.string()).nullable(),
  /** Age in milliseconds of the oldest document that waits to be processed. */
  oldestWaitingMs: count.nullable(),
});

/** One line of the audit trail in its place: hashes cover it and the one before. */
export const ChainedAuditEntry = z.object({
  sequence: z.int().positive(),
  previousHash: sha256,
  hash: sha256,
  entry: z.object({
    tenantId: z.uuid(),
    id: z.uuid(),
    at: moment,
    actor: z.string(),
    action: z.string(),
    subject: z.string(),
    /** Ids, codes, hashes and sizes. */
    detail: z.record(z.string(), z.unknown()),
  }),
});
export const AuditList = z.object({ entries: z.array(ChainedAuditEntry), nextCursor: z.string().nullable() });
export const ListAuditQuery = z.strictObject({
  cursor: z.string().max(200).optional(),
  limit: z.coerce.number().int().min(1).max(500).default(200),
});

/** Problem details (RFC 9457), the body of every refusal. */
export const Problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  /** Stable snake_case code. */
  code: z.string(),
  /** What happened and what to do, in plain words. */
  detail: z.string(),
  retryable: z.boolean(),
  /** Names this request in our log. */
  instance: z.string(),
});
export type Problem = z.infer<typeof Problem>;
