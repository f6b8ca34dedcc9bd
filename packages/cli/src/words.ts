import type { DocumentSummary, DocumentView } from "@strongroom/core/api-shapes";
import type { DocumentState } from "@strongroom/core/document/document";
import type { LegibilityReason } from "@strongroom/core/document/rendering";

/** Bytes for people, in decimal units with three significant digits at most: `2.91 MB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

/**
 * Bytes beside a limit, in the unit of the limits: `50 MiB`. Rounded up, so that a byte too much does not read as what is
 * allowed.
 */
export function formatMebibytes(bytes: number): string {
  return `${Math.ceil((bytes / 1024 / 1024) * 10) / 10} MiB`;
}

/** A length of time for people, in its two largest units: `850 ms`, `4.2 s`, `3 min 5 s`, `2 d 4 h`. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${(ms / 1000).toFixed(1)} s`;
  const [days, hours, minutes] = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3600) % 24,
    Math.floor(seconds / 60) % 60,
  ];
  if (days > 0) return `${days} d ${hours} h`;
  return hours > 0 ? `${hours} h ${minutes} min` : `${minutes} min ${seconds % 60} s`;
}

/** A moment of the contract (ISO 8601 UTC) in this machine's time zone: `2025-11-20 14:03:09`. */
export function formatMoment(moment: string): string {
  const at = new Date(moment);
  const two = (value: number) => String(value).padStart(2, "0");
  const day = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join("-");
  return `${day} ${[at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(":")}`;
}

/** `2 pages`, `1 page`. */
export function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** What may be wrong with a page, and what to do about it. */
const legibilityWords: Readonly<Record<LegibilityReason, string>> = {
  blurred: "is blurred: take it again",
  dark: "is too dark: take it again with more light",
  glare: "has glare on it: take it again, tilted away from the lamp",
  too_small: "is too small to read: take it again from nearer",
  blank: "looks blank: check that the printed side was up",
  cut_off: "is cut off: the file ends too early, send it or take it again",
};

/** Where a document is, in the words of the field. */
const stateWords: Readonly<Record<DocumentState, string>> = {
  granted: "waiting for its pages",
  expired: "its pages did not all come in time: upload it again",
  received: "received, about to be processed",
  processing: "being processed",
  stored: "stored",
  rejected: "refused",
  failed: "our fault, not yours: keep the original, we are on it",
  archived: "stored, in the archive",
  restoring: "coming back from the archive",
  erased: "erased",
};

/** State and reason in one sentence, without a full stop. */
export function explainState({ state, detail }: Pick<DocumentSummary, "state" | "detail">): string {
  return detail === null || detail === ""
    ? stateWords[state]
    : `${stateWords[state]}: ${detail.replace(/\.$/, "")}`;
}

/** One sentence for each page that has a verdict, and for each file that is not shown whole; empty before the document was processed. */
export function explainPages({ legibility, files }: Pick<DocumentView, "legibility" | "files">): string[] {
  const verdicts = (legibility ?? []).flatMap(({ page, reasons }) =>
    reasons.length === 0
      ? [`page ${page} looks readable`]
      : reasons.map((reason) => `page ${page} ${legibilityWords[reason]}`),
  );
  return [
    ...verdicts,
    ...(legibility === null ? [] : explainUnshown(legibility, files)),
    ...explainUnseen(files),
  ];
}

/** Of a long PDF or TIFF the first pages alone are shown; verdicts are numbered over all pages of the document. */
function explainUnshown(
  legibility: NonNullable<DocumentView["legibility"]>,
  files: DocumentView["files"],
): string[] {
  let before = 0;
  return files.flatMap(({ position, name, pageCount, noPreviewReason }) => {
    const first = before + 1;
    before += pageCount ?? 1;
    const shown = legibility.filter(({ page }) => page >= first && page <= before).length;
    if (pageCount === null || noPreviewReason !== null || shown >= pageCount) return [];
    return [`of the ${pageCount} pages of file ${position} (${name}) ${shown} are shown; all are kept`];
  });
}

function explainUnseen(files: DocumentView["files"]): string[] {
  return files.flatMap(({ position, name, noPreviewReason }) =>
    noPreviewReason === null
      ? []
      : [`file ${position} (${name}) is kept as it came, without a preview: ${words(noPreviewReason)}`],
  );
}

/** `page 2 of 3 is missing`, or null when all pages are here. */
export function explainMissing({ missing, files }: Pick<DocumentView, "missing" | "files">): string | null {
  if (missing.length === 0) return null;
  const noun = nounOf(files.map(({ mediaType }) => mediaType));
  const [which, are] = missing.length === 1 ? [noun, "is"] : [`${noun}s`, "are"];
  return `${which} ${missing.join(", ")} of ${files.length} ${are} missing`;
}

/** What the files of a document are called: a photo is a page, and a PDF or TIFF may hold many. */
export function nounOf(mediaTypes: readonly string[]): "page" | "file" {
  return mediaTypes.some((type) => ["application/pdf", "image/tiff"].includes(type)) ? "file" : "page";
}

/** A snake_case code as words. */
export function words(code: string): string {
  return code.replaceAll("_", " ");
}
