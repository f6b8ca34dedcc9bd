import * as z from "zod";
import { count, givenMoment, loadNumberWords, moment, noteWords, sha256, text } from "./api-fields.ts";
import { DocumentState, documentLimits } from "./document/document.ts";
import { DocumentSummary, DocumentView } from "./document-shapes.ts";
import { DeviceId, DocumentId, FileId, SpokenCode, TenantId, UserId } from "./ids.ts";
import { deviceLimits, Role } from "./user/user.ts";

export * from "./document-shapes.ts";

/** An edit that names nothing would raise a version, make an event and leave a line in the audit trail for no change. */
const changesSomething = (edit: object) => Object.values(edit).some((value) => value !== undefined);
const changesNothing = { error: "changes nothing; name at least one field" };

/** One file of a document, as the client declares it. */
export const FileDeclaration = z.strictObject({
  name: text(documentLimits.nameLength).describe("Name of the file, as its owner knows it"),
  mediaType: z
    .string()
    .regex(/^[a-z]+\/[a-z0-9.+-]{1,80}$/, "is not a media type such as image/jpeg")
    .describe("Goes up as its Content-Type; what the file is, is told from its bytes"),
  // Here and in `files` the bounds are only told: beyond them a refusal has a code of its own (`empty_file`, `too_many_files`).
  sizeBytes: z.number().int().meta({
    description: "Exact size, at most 50 MiB; all files of a document have at most 200 MiB together",
    minimum: 1,
    maximum: documentLimits.fileBytes,
  }),
  sha256: sha256.describe("SHA-256 of the whole file in lower-case hex"),
  parts: z
    .array(sha256)
    .max(Math.ceil(documentLimits.fileBytes / documentLimits.partBytes))
    .optional()
    .describe(
      "Needed for a file above 16 MiB (16,777,216 bytes) and refused for any other: it goes up in parts, and these are the SHA-256 of each 8 MiB (8,388,608 bytes) of it in order, the last one of what is left",
    ),
});
export type FileDeclaration = z.infer<typeof FileDeclaration>;

const LoadNumber = text(64);
const Note = text(2_000);
const KindName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,62}$/, "is not the name of a document kind")
  .describe("Name of one of the kinds of `GET /v1/kinds`");

/** `POST /v1/documents`: the client makes the id (UUIDv7), so that a repeated request is the same request. */
export const AcceptUploadRequest = z.strictObject({
  id: DocumentId.describe(
    "Made by the client: a new UUIDv7 for each document, and the same one in a repetition",
  ),
  kind: KindName,
  loadNumber: LoadNumber.nullish().describe(loadNumberWords),
  note: Note.nullish().describe(noteWords),
  replaces: DocumentId.nullish().describe(
    "A document of the same person that this one is a retake of; it is replaced once this one is stored",
  ),
  files: z
    .array(FileDeclaration)
    .min(1)
    .meta({ description: "Pages or files in their order", maxItems: documentLimits.files }),
});
export type AcceptUploadRequest = z.infer<typeof AcceptUploadRequest>;

/** `PATCH /v1/documents/{id}`; `files` is the whole new list of pages: `{id}` keeps one, a declaration adds one. */
export const EditDocumentRequest = z
  .strictObject({
    kind: KindName.optional(),
    loadNumber: LoadNumber.nullable().optional().describe(`${loadNumberWords}; null takes it away`),
    note: Note.nullable().optional().describe(`${noteWords}; null takes it away`),
    files: z
      .array(z.union([z.strictObject({ id: FileId.describe("Of a page that stays") }), FileDeclaration]))
      .min(1)
      .optional()
      .meta({
        description:
          "The whole new list of pages: an `id` keeps a page, a declaration adds one, and what is not named is dropped",
        maxItems: documentLimits.files,
      }),
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
    held: z.boolean().describe("True sets the hold of this reference or changes it, false lifts it"),
    reason: z.enum(holdReasons).describe("Why it is set or lifted; kept in the audit trail"),
    reference: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,63}$/, "is not a reference such as CASE-2026/17")
      .nullish()
      .describe(
        "What tells the holds of a document apart, a case number, say; no names, since the audit trail keeps it for good",
      ),
    until: givenMoment.nullish().describe("The end of the hold; without one it lasts until it is lifted"),
  })
  .refine(({ held, until }) => held || !until, {
    path: ["until"],
    error: "is the end of a hold that is set; leave it out when one is lifted",
  });
export type HoldRequest = z.infer<typeof HoldRequest>;

/** One request to send exactly as it stands: `sizeBytes` bytes of the file from `offset`. */
export const UploadRequest = z.object({
  partNumber: z.number().int().nullable().describe("From 1 on; null for a file that goes up in one piece"),
  offset: count.describe("Where in the file the bytes to send begin"),
  sizeBytes: count.describe("How many bytes of the file to send from there"),
  method: z.literal("PUT").describe("The method of the request"),
  url: z.url().describe("The signed address, to be used as it stands and without a token"),
  headers: z.record(z.string(), z.string()).describe("Headers to send exactly as they stand"),
  expiresAt: moment.describe("Until when the address works; after it, have it signed anew"),
});
export type UploadRequest = z.infer<typeof UploadRequest>;

/** What is left to send of one file; `requests` is empty when all of it is there. */
export const FileUpload = z.object({
  fileId: FileId.describe("Made by the server"),
  position: count.describe("1 for the first page"),
  requests: z.array(UploadRequest).describe("What is still to be sent, in any order; empty when nothing is"),
});
export type FileUpload = z.infer<typeof FileUpload>;

export const UploadReply = z.object({ document: DocumentView, uploads: z.array(FileUpload) });
export type UploadReply = z.infer<typeof UploadReply>;
export const DocumentReply = z.object({ document: DocumentView });
const cursor = z.string().max(200).optional().describe("`nextCursor` of the page before");
export const ListDocumentsQuery = z.strictObject({
  state: DocumentState.optional().describe("Only documents in this state; an erased one is in no list"),
  kind: KindName.optional().describe("Only documents of this kind"),
  loadNumber: LoadNumber.optional().describe("Only documents of exactly this load number"),
  code: SpokenCode.optional().describe(
    "Only documents with this confirmation code, in any case, with or without its hyphen; two may have the same by chance",
  ),
  search: text(200)
    .optional()
    .describe(
      'Only documents with all these words in the text of their PDF pages (of a document the first 2,097,152 characters, of a page 65,536; `"…"` for words in a row, `or`, `-` for not); photos have no text, and names of files, notes and load numbers are not searched',
    ),
  changedSince: givenMoment
    .optional()
    .describe(
      "Only what changed at or after this moment; answers may repeat some seconds of it, so compare versions",
    ),
  cursor,
  limit: z.coerce.number().int().min(1).max(100).default(25).describe("Documents in one answer, at most"),
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
const artefact = ArtefactName.describe(
  "Name of one of the document's artefacts: `original-1`, `page-1`, `thumbnail-1`, `combined`, `capture-facts`",
);
export const TicketRequest = z.strictObject({ artefact });
/** A URL that shows one artefact to one person for 60 seconds. */
export const Ticket = z.object({ url: z.url(), expiresAt: moment });
export const ContentQuery = z.strictObject({
  artefact,
  ticket: z.string().max(2_000).describe("As it stands in the URL of the ticket"),
});

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
  status: z.enum(["ok", "degraded"]).describe("Whether work flows"),
  isolation: z
    .record(z.string(), z.string())
    .nullable()
    .describe("What decode children are kept from; null while no processor has reported"),
  oldestWaitingMs: count
    .nullable()
    .describe("Age in milliseconds of the oldest document that waits to be processed; null when none waits"),
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
  cursor,
  limit: z.coerce.number().int().min(1).max(500).default(200).describe("Entries in one answer, at most"),
});

const Fault = z.object({
  in: z.enum(["body", "query", "path"]).describe("Where in the request"),
  field: z.string().describe("Way to the field, as in `files[0].name`; empty for the whole"),
  message: z.string().describe("What is wrong with it, in a sentence"),
});

/** Problem details (RFC 9457), the body of every refusal; with some codes come further members. */
export const Problem = z.object({
  type: z.string().describe("`urn:strongroom:problem:` and the code"),
  title: z.string().describe("The code in words"),
  status: z.number().int().describe("The HTTP status"),
  code: z.string().describe("Stable snake_case code; the response `Problem` lists all. New ones may come"),
  detail: z.string().describe("What happened and what to do, in plain words"),
  retryable: z.boolean().describe("Whether the same request may succeed later"),
  instance: z.string().describe("Names this request in our log"),
  faults: z.array(Fault).optional().describe("With `invalid_request`: what is wrong, ten faults at most"),
  missing: z
    .array(count)
    .optional()
    .describe("With `upload_incomplete`: positions (1 for the first) of the files that have not arrived"),
  supersededBy: z.uuid().optional().describe("With `already_replaced`: the document that replaced it"),
  erasedAt: moment.optional().describe("With `erased`, for who sees the whole tenant: since when"),
});
export type Problem = z.infer<typeof Problem>;
