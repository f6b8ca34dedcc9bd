import type { DocumentSummary, DocumentView } from "@strongroom/core/api-shapes";
import { formatTable, widthOf } from "./table.ts";
import {
  countOf,
  explainMissing,
  explainPages,
  explainState,
  formatBytes,
  formatMoment,
  nounOf,
  words,
} from "./words.ts";

/** Columns of a terminal that a list is made for. */
const listWidth = 120;

/** A table of documents, one line each, within 120 columns; the last column gets what the others leave. */
export function describeList(documents: readonly DocumentSummary[]): string[] {
  if (documents.length === 0) return ["No documents."];
  const columns = [
    { title: "document" },
    { title: "kind", maxWidth: 18 },
    { title: "load", maxWidth: 12 },
    { title: "pages", align: "right" as const },
    { title: "state", maxWidth: 10 },
    { title: "code" },
  ];
  const rows = documents.map((document) => [
    document.id,
    document.kind,
    document.loadNumber ?? "",
    document.pageCount === null ? "" : String(document.pageCount),
    document.state,
    document.confirmationCode ?? "",
  ]);
  const usedWidth = Math.max(...formatTable(columns, rows).map(widthOf));
  const last = { title: "what", maxWidth: listWidth - usedWidth - 2, leftOut: "end" as const };
  return formatTable(
    [...columns, last],
    rows.map((row, index) => [...row, whatToKnow(documents[index]!)]),
  );
}

/** The one thing about a document that a list has room for: what somebody must do first. */
function whatToKnow(document: DocumentSummary): string {
  const hardToRead = (document.legibility ?? []).flatMap(({ page, reasons }) =>
    reasons.length > 0 ? [page] : [],
  );
  if (document.reason !== null) return document.detail ?? words(document.reason);
  if (document.review === "sent_back") return "sent back";
  if (document.supersededBy !== null) return "replaced by a later one";
  if (hardToRead.length > 0) return `hard to read: page ${hardToRead.join(", ")}`;
  if (document.duplicate !== null) return "already on file";
  return document.legalHold ? "under legal hold" : "";
}

const until = (moment: string | null): string | null => moment && `until ${formatMoment(moment)}`;

/** The holds by their references, where the server names them. */
function explainHolds({ legalHold, heldUntil, holds }: DocumentView): string | null {
  const named = (holds ?? []).map(({ reference, until: end }) =>
    [reference ?? "without a reference", until(end) ?? "until it is lifted"].join(", "),
  );
  if (named.length > 0) return named.join("; ");
  return legalHold ? "yes" : until(heldUntil);
}

/** One document in full, in lines for people. */
export function describeDocument(document: DocumentView): string[] {
  const facts = factsOf(document).filter((row): row is [string, string] => row[1] !== null && row[1] !== "");
  const missing = explainMissing(document);
  const pages = explainPages(document);
  return [
    `document ${document.id}`,
    ...facts.map(([name, value]) => `  ${name.padEnd(20)}${value}`),
    ...(missing === null ? [] : [`  ${missing}`]),
    "",
    ...formatTable(
      [
        { title: nounOf(document.files.map(({ detectedType, mediaType }) => detectedType ?? mediaType)) },
        { title: "name", maxWidth: 40 },
        { title: "type", maxWidth: 16 },
        { title: "size", align: "right" },
        { title: "SHA-256" },
      ],
      document.files.map((file) => [
        String(file.position),
        file.name,
        file.detectedType ?? file.mediaType,
        formatBytes(file.sizeBytes),
        file.sha256.slice(0, 16),
      ]),
    ),
    ...(pages.length === 0 ? [] : ["", ...pages]),
    ...(document.artefacts.length === 0
      ? []
      : ["", `to read: ${document.artefacts.map(({ name }) => name).join(", ")}`]),
    "",
    ...document.timeline.map(({ at, action }) => `${formatMoment(at)}  ${action}`),
  ];
}

function factsOf(document: DocumentView): [string, string | null][] {
  const { duplicate } = document;
  return [
    ["state", explainState(document)],
    ["reason", document.reason],
    ["confirmation code", document.confirmationCode],
    ["kind", document.kind],
    ["load", document.loadNumber],
    ["note", document.note],
    ["size", `${formatBytes(document.sizeBytes)} in ${countOf(document.files.length, "file")}`],
    ["pages", document.pageCount === null ? null : String(document.pageCount)],
    ["review", document.review === "unreviewed" ? null : words(document.review)],
    ["legal hold", explainHolds(document)],
    ["already on file", duplicate === null ? null : (duplicate.documentId ?? "yes")],
    ["replaces", document.replaces],
    ["replaced by", document.supersededBy],
    ["created", formatMoment(document.createdAt)],
    ["received", document.receivedAt === null ? null : formatMoment(document.receivedAt)],
    ["settled", document.settledAt === null ? null : formatMoment(document.settledAt)],
    ["pages wanted until", document.state === "granted" ? formatMoment(document.grantExpiresAt) : null],
  ];
}
