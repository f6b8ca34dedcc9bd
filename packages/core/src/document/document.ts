import * as z from "zod";

/** Every state a document can be in, in the order it meets them. */
export const documentStates = [
  "granted",
  "expired",
  "received",
  "processing",
  "stored",
  "rejected",
  "failed",
  "archived",
  "restoring",
  "erased",
] as const;
export const DocumentState = z.enum(documentStates);
export type DocumentState = z.infer<typeof DocumentState>;

/** The state graph; the database holds the same edges and refuses any other, and a property test compares the two. */
export const transitions: Readonly<Record<DocumentState, readonly DocumentState[]>> = {
  granted: ["received", "expired", "erased"],
  expired: ["granted", "erased"],
  received: ["processing", "erased"],
  processing: ["stored", "rejected", "failed"],
  stored: ["archived", "erased"],
  rejected: ["erased"],
  failed: ["received", "erased"],
  archived: ["stored", "restoring", "erased"],
  restoring: ["stored", "erased"],
  erased: [],
};

/** States in which the pipeline has nothing left to do. */
export const settledStates = ["stored", "rejected", "failed", "archived", "restoring", "erased"] as const;

/** States whose content counts when a duplicate is looked for: it is here, or on its way (a failed one is not). */
export const liveStates = ["received", "processing", "stored", "archived", "restoring"] as const;

/** Whether the graph has this edge. */
export function canMove(from: DocumentState, to: DocumentState): boolean {
  return transitions[from].includes(to);
}

/** Limits of one document; the source of each is the design of the pipeline, not a quota of a provider. */
export const documentLimits = {
  files: 50,
  fileBytes: 50 * 1024 * 1024,
  documentBytes: 200 * 1024 * 1024,
  nameLength: 255,
  megapixels: 100,
  sidePixels: 16_384,
  pdfPages: 500,
  /**
   * Characters of a document that can be searched for, its pages in order. To index 1 MiB of words that all differ took
   * PostgreSQL 1 to 3 s on two busy cores, and 50 MiB 40 s: no statement may take more than 15.
   */
  searchableCharacters: 2 * 1024 * 1024,
  /** Of one page: PostgreSQL refuses to index more than a mebibyte of words. */
  searchablePageCharacters: 65_536,
  /** Above this many bytes a file goes up in parts of `partBytes`. */
  singlePutBytes: 16 * 1024 * 1024,
  partBytes: 8 * 1024 * 1024,
} as const;

export const reviewStates = ["unreviewed", "approved", "sent_back"] as const;
export type ReviewState = (typeof reviewStates)[number];
