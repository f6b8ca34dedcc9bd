import { formatTable } from "../table.ts";
import { formatBytes } from "../words.ts";
import { type Assumption, assumptions, assumptionWords } from "./assumptions.ts";
import type { Bill, BreakEven } from "./estimate-cost.ts";
import type { Saving } from "./estimate-savings.ts";
import { type Cells, type StageName } from "./stage-shape.ts";

/** What `strongroom cost --json` answers. */
export type CostReport = {
  prices: { date: string; region: string; recoveryRegion: string; note: string };
  input: {
    stage: StageName;
    cells: Cells;
    documentsPerDay: number;
    sizeBytes: number;
    pages: number;
    retentionDays: number;
  };
  bill: Bill;
  /** The same load with one cell, with the idle one of two shut, and with two that always run. */
  cells: Record<Cells, { firstYearUsd: number; fullUsd: number; lifetimeUsd: number }>;
  breakEvens: BreakEven[];
  savings: Saving[];
  assumptions: typeof assumptions;
};

/** Dollars with thousands apart, cents below a hundred: `$1,234`, `$12.34`. */
function formatUsd(usd: number): string {
  const digits = Math.abs(usd) < 99.995 ? 2 : 0;
  const text = Math.abs(usd).toLocaleString("en-US", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return `${usd < 0 ? "-" : ""}$${text}`;
}

const right = (title: string) => ({ title, align: "right" as const });
const cellWords: Readonly<Record<Cells, string>> = {
  single: "one cell",
  dual: "two cells, the idle one shut",
  both: "two cells, both always running",
};

/** The report in lines for people. */
export function describeCost(report: CostReport): string[] {
  return [
    ...describeInput(report),
    "",
    ...describeBill(report),
    "",
    ...describeCells(report),
    "",
    ...describeBreakEvens(report.breakEvens),
    "",
    "What turning off would save of a month:",
    ...describeSavings(report.savings),
    "",
    "Taken for granted:",
    ...describeAssumptions(),
    "",
    report.prices.note,
  ];
}

/** `10 years`, `45 days`. */
function formatRetention(days: number): string {
  if (days % 365 === 0) return days === 365 ? "1 year" : `${days / 365} years`;
  return days === 1 ? "1 day" : `${days} days`;
}

function describeInput({ input, prices }: CostReport): string[] {
  const { documentsPerDay, sizeBytes, pages, retentionDays, stage, cells } = input;
  const count = documentsPerDay.toLocaleString("en-US");
  return [
    `${stage}, ${cellWords[cells]}: ${count} documents a day of ${formatBytes(sizeBytes)} and ${pages} pages, kept ${formatRetention(retentionDays)}`,
    `AWS list prices of ${prices.region}, as known on ${prices.date}`,
  ];
}

function describeBill({ bill, input }: CostReport): string[] {
  const { services, firstYearUsd, fullUsd, lifetime } = bill;
  const rows = services.map((service) => [
    service.service,
    formatUsd(service.firstYearUsd),
    formatUsd(service.fullUsd),
    `${((100 * service.fullUsd) / fullUsd).toFixed(1)} %`,
    service.item,
  ]);
  const full = `month at ${formatRetention(input.retentionDays)}`;
  return [
    ...formatTable(
      [{ title: "service" }, right("month at 1 year"), right(full), right("share"), { title: "most of it" }],
      [...rows, ["total", formatUsd(firstYearUsd), formatUsd(fullUsd), "100.0 %", ""]],
    ),
    "",
    `1,000 documents over their lifetime: ${formatUsd(lifetime.totalUsd)}`,
    `  taken in ${formatUsd(lifetime.intakeUsd)}, kept ${formatRetention(input.retentionDays)} ${formatUsd(lifetime.keepingUsd)}, their share of what always runs ${formatUsd(lifetime.runningUsd)}`,
  ];
}

function describeCells({ cells, input }: CostReport): string[] {
  const rows = (["single", "dual", "both"] as const).map((name) => [
    cellWords[name],
    formatUsd(cells[name].firstYearUsd),
    formatUsd(cells[name].fullUsd),
    formatUsd(cells[name].lifetimeUsd),
  ]);
  const full = `month at ${formatRetention(input.retentionDays)}`;
  return formatTable(
    [{ title: "cells" }, right("month at 1 year"), right(full), right("1,000 documents")],
    rows,
  );
}

function describeBreakEvens(breakEvens: readonly BreakEven[]): string[] {
  const inDays = (days: number | null) => {
    if (days === null) return "never";
    return days > 36_500 ? "over 100 years" : `${days.toLocaleString("en-US")} days`;
  };
  const moveWords = { instantRetrieval: "Instant Retrieval", deepArchive: "Deep Archive" } as const;
  const rows = breakEvens.map(({ name, sizeBytes, instantRetrievalDays, deepArchiveDays, moves }) => [
    name,
    formatBytes(sizeBytes),
    inDays(instantRetrievalDays),
    inDays(deepArchiveDays),
    ["Standard", ...moves.map((move) => moveWords[move])].join(", "),
  ]);
  return [
    "Days after which a move has paid for itself, by the size of an object:",
    ...formatTable(
      [
        { title: "object" },
        right("size"),
        right("Standard to Instant Retrieval"),
        right("Instant Retrieval to Deep Archive"),
        { title: "here" },
      ],
      rows,
    ),
  ];
}

function describeSavings(savings: readonly Saving[]): string[] {
  const rows = savings.map(({ name, firstYearUsd, fullUsd, loses }) => [
    name,
    formatUsd(firstYearUsd),
    formatUsd(fullUsd),
    loses,
  ]);
  return formatTable(
    [{ title: "change" }, right("at 1 year"), right("at full"), { title: "what it costs you" }],
    rows,
  );
}

function describeAssumptions(): string[] {
  const rows = (Object.keys(assumptions) as Assumption[]).map((name) => [
    name,
    assumptions[name].toLocaleString("en-US", { maximumFractionDigits: 3 }),
    assumptionWords[name],
  ]);
  return formatTable([{ title: "" }, right(""), { title: "" }], rows)
    .slice(1)
    .map((line) => `  ${line}`);
}
