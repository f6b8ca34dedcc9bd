import { formatTable, shorten, widthOf } from "@strongroom/cli/table";
import { countOf, formatBytes, words } from "@strongroom/cli/words";
import { harmless } from "@strongroom/cli/world";
import type { LegibilityReason } from "@strongroom/core/document/rendering";

/** What the demo's table tells of one document. */
export type DemoRow = {
  label: string;
  /** Null while, or because, nobody knows. */
  pageCount: number | null;
  state: string;
  reason: string | null;
  /** Per page, what may make it hard to read; null when it was not looked at. */
  legibility: readonly { page: number; reasons: readonly LegibilityReason[] }[] | null;
  sizeBytes: number;
  /** All artefacts together; null when nothing is stored. */
  storedBytes: number | null;
  tookMs: number;
  confirmationCode: string | null;
  /** What did not hold when it was checked. */
  faults: readonly string[];
};

/** One moment of one document, for the lines that run by while the demo works. */
export type DemoMoment = {
  label: string;
  state: string;
  /** Since the demo began. */
  sinceMs: number;
  /** While it is being sent. */
  sent?: { sentBytes: number; totalBytes: number };
};

/** Widest of each column; with two spaces between them a row is 119 columns at most. */
const columns = [
  { title: "document", maxWidth: 24 },
  { title: "pages", align: "right", maxWidth: 5 },
  { title: "state", maxWidth: 10 },
  { title: "reason", maxWidth: 18 },
  { title: "legibility", maxWidth: 16 },
  { title: "size", align: "right", maxWidth: 7 },
  { title: "stored", align: "right", maxWidth: 7 },
  { title: "seconds", align: "right", maxWidth: 7 },
  { title: "code", maxWidth: 9 },
] as const;

const labelWidth = 32;
const barWidth = 20;

/** The final table: titles, a rule, a row per document; 119 columns at most. */
export function formatDemoTable(rows: readonly DemoRow[]): string[] {
  const [titles, ...lines] = formatTable(
    columns,
    rows.map((row) => [
      harmless(row.label),
      row.pageCount === null ? "–" : String(row.pageCount),
      row.state,
      row.reason === null ? "–" : words(row.reason),
      describeLegibility(row.legibility, 16),
      formatBytes(row.sizeBytes),
      row.storedBytes === null ? "–" : formatBytes(row.storedBytes),
      (row.tookMs / 1000).toFixed(2),
      row.confirmationCode ?? "–",
    ]),
  );
  const rule = "─".repeat(Math.max(...[titles!, ...lines].map(widthOf)));
  return [titles!, rule, ...lines];
}

/** How many ended how, in how long, and what did not hold, one line each. */
export function formatDemoEnd(rows: readonly DemoRow[], seconds: number): string[] {
  const states = [...new Set(rows.map(({ state }) => state))].map(
    (state) => `${rows.filter((row) => row.state === state).length} ${state}`,
  );
  const sizeBytes = rows.reduce((sum, row) => sum + row.sizeBytes, 0);
  const faults = rows.flatMap(({ label, faults: all }) =>
    all.map((fault) => `  ${shorten(harmless(label), labelWidth)}: ${fault}`),
  );
  const end = faults.length === 0 ? "Everything held." : `${countOf(faults.length, "thing")} did not hold:`;
  const total = `${countOf(rows.length, "document")}, ${formatBytes(sizeBytes)}: ${states.join(", ")}; ${seconds.toFixed(1)} s.`;
  return [`${total} ${end}`, ...faults];
}

/** One line of what is going on: time, document, state, and a bar while it is being sent. */
export function formatDemoMoment({ label, state, sinceMs, sent }: DemoMoment): string {
  const name = shorten(harmless(label), labelWidth);
  const space = " ".repeat(labelWidth - widthOf(name));
  const line = `${(sinceMs / 1000).toFixed(2).padStart(7)} s  ${name}${space}  ${shorten(state, 40)}`;
  return sent === undefined ? line : `${line}  ${bar(sent)}`;
}

function bar({ sentBytes, totalBytes }: { sentBytes: number; totalBytes: number }): string {
  const share = totalBytes === 0 ? 1 : Math.min(1, Math.max(0, sentBytes / totalBytes));
  const full = Math.floor(share * barWidth);
  return `[${"█".repeat(full)}${"·".repeat(barWidth - full)}] ${String(Math.floor(share * 100)).padStart(3)} %`;
}

/** `p2 blurred`; of several findings as many as fit, and how many more there are. */
function describeLegibility(legibility: DemoRow["legibility"], width: number): string {
  if (legibility === null) return "–";
  const findings = legibility.flatMap(({ page, reasons }) =>
    reasons.map((reason) => `p${page} ${words(reason)}`),
  );
  if (findings.length === 0) return "readable";
  for (let shown = findings.length; shown > 1; shown--) {
    const text = withRest(findings, shown);
    if (widthOf(text) <= width) return text;
  }
  return withRest(findings, 1);
}

function withRest(findings: readonly string[], shown: number): string {
  const rest = findings.length - shown;
  return `${findings.slice(0, shown).join(", ")}${rest > 0 ? ` +${rest}` : ""}`;
}
