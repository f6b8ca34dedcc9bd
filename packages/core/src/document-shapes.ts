import * as z from "zod";
import { count, loadNumberWords, moment, momentOrNull, noteWords, sha256 } from "./api-fields.ts";
import { DocumentState, reviewStates } from "./document/document.ts";
import { legibilityReasons } from "./document/rendering.ts";
import { DocumentId, FileId, UserId } from "./ids.ts";

const FileView = z.object({
  id: FileId.describe("Made by the server"),
  position: count.describe("1 for the first page"),
  name: z.string().describe("As it was declared"),
  mediaType: z.string().describe("As it was declared"),
  detectedType: z.string().nullable().describe("Told from the bytes; null before processing"),
  sizeBytes: count.describe("As it was declared"),
  sha256: sha256.describe("As it was declared, and checked against the bytes"),
  arrived: z.boolean().describe("Whether the server has met all bytes of it"),
  pageCount: count.nullable().describe("Pages within the file; null before processing"),
  noPreviewReason: z
    .string()
    .nullable()
    .describe("Why the file has no preview, as a code; its original is kept all the same"),
});
export const ArtefactView = z.object({
  name: z.string().describe("`original-1`, `page-1`, `thumbnail-1`, `combined` and so on"),
  mediaType: z.string().describe("As it is served"),
  sizeBytes: count.describe("As it is served, not as it is sealed"),
  sha256: sha256.describe("Of the bytes as they are served"),
});
export type ArtefactView = z.infer<typeof ArtefactView>;
const HoldView = z.object({
  reference: z.string().nullable().describe("What tells it from the others; null for the one without"),
  until: momentOrNull.describe("Its end, which may be past; null for one that lasts until it is lifted"),
});
const PageVerdict = z.object({
  page: count.describe("From 1 on, over all files"),
  reasons: z.array(z.enum(legibilityReasons)).describe("Empty for a page that looks readable"),
});

/** A document in a list. */
export const DocumentSummary = z.object({
  id: DocumentId.describe("As its client made it"),
  ownerId: UserId.describe("Who announced it"),
  kind: z.string().describe("Name of its kind"),
  loadNumber: z.string().nullable().describe(loadNumberWords),
  note: z.string().nullable().describe(noteWords),
  state: DocumentState.describe(
    "Where it is. `granted` waits for its pages and is `expired` when they do not come in time; `received` and `processing` go on by themselves; `stored` is safe, `rejected` was refused for its content, `failed` is our fault and can be sent its way again; no document is `archived` or `restoring` so far; an `erased` one is shown to nobody",
  ),
  version: count.describe(
    "Rises as the document goes on or is edited; an answer with a lower one is an older one",
  ),
  reason: z
    .string()
    .nullable()
    .describe("Code for why it is where it is; null while there is nothing to say"),
  detail: z.string().nullable().describe("The same in plain words, with what to do"),
  confirmationCode: z
    .string()
    .nullable()
    .describe(
      "Eight characters as in 63RJ-JMKX, from `received` on, to be read out over the phone; `GET /v1/documents?code=` finds it",
    ),
  duplicate: z
    .object({ documentId: DocumentId.nullable().describe("Null for who may not see that document") })
    .nullable()
    .describe("Set when the same content was on file already; its id only for whoever may see that document"),
  replaces: DocumentId.nullable().describe("The document that this one is a retake of"),
  supersededBy: DocumentId.nullable().describe(
    "The retake that replaced this document, from when that was stored; null again when that is erased",
  ),
  review: z.enum(reviewStates).describe("Always `unreviewed`: this version has no request that sets it"),
  legalHold: z
    .boolean()
    .describe("Whether a hold without an end is on it; while any hold lasts, nobody can erase the document"),
  heldUntil: momentOrNull.describe("The last end of the holds that have one, which may be past"),
  sizeBytes: count.describe("Of all its files together"),
  pageCount: count.nullable().describe("Pages of all its files together; null before processing"),
  legibility: z
    .array(PageVerdict)
    .nullable()
    .describe("Per page, what may make it hard to read; null before processing"),
  createdAt: moment.describe("When it was announced"),
  receivedAt: momentOrNull.describe("When all its pages were here"),
  settledAt: momentOrNull.describe("When it was stored, rejected, failed or expired; null before"),
  grantExpiresAt: moment.describe("Until when its pages may come"),
  changedAt: moment.describe("When anything of it last changed"),
});
export type DocumentSummary = z.infer<typeof DocumentSummary>;

/** A document in full. */
export const DocumentView = DocumentSummary.extend({
  files: z.array(FileView).describe("Its pages or files in their order"),
  missing: z.array(count).describe("Positions (1 for the first) of the files that have not arrived"),
  artefacts: z
    .array(ArtefactView)
    .describe(
      "What can be read of it by a ticket: originals, pages, thumbnails and so on; empty until it is stored",
    ),
  timeline: z
    .array(
      z.object({
        at: moment.describe("By the server's clock"),
        action: z.string().describe("As in the audit, such as `document.stored`"),
      }),
    )
    .describe("What was done with it, in the order of time; the latest 200 lines"),
  // The default is for the answer of a release that does not tell.
  holds: z
    .array(HoldView)
    .nullable()
    .default(null)
    .describe("Every hold by its reference, for who sees the whole tenant; null for others"),
});
export type DocumentView = z.infer<typeof DocumentView>;
