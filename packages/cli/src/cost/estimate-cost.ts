import { assumptions, lifecycle } from "./assumptions.ts";
import { backupCharges } from "./backup-charges.ts";
import { baseCharges } from "./base-charges.ts";
import { breakEvenDays } from "./break-even.ts";
import { type Charge, type Load } from "./charge.ts";
import { shapeDocument } from "./document-shape.ts";
import { type Age, paysToArchive } from "./keep-artefact.ts";
import { daysPerMonth } from "./prices.ts";
import { requestCharges } from "./request-charges.ts";
import { type Cells, type StageName, type StageShape, stageShapes } from "./stage-shape.ts";
import { storageCharges } from "./storage-charges.ts";

/** What is estimated: documents sent per day, the mean bytes and pages of one, and how long it is kept. */
export type CostInput = {
  stage: StageName;
  cells: Cells;
  documentsPerDay: number;
  sizeBytes: number;
  pages: number;
  retentionDays: number;
};

/** A service's bill. `firstYearUsd` is its twelfth month, `fullUsd` a month when as much expires as comes in. */
export type ServiceBill = { service: string; item: string; firstYearUsd: number; fullUsd: number };

/** Dollars per 1,000 documents over their lifetime: taken in, kept to the end, and the share of what always runs. */
export type LifetimeCost = { intakeUsd: number; keepingUsd: number; runningUsd: number; totalUsd: number };

export type Bill = { services: ServiceBill[]; firstYearUsd: number; fullUsd: number; lifetime: LifetimeCost };

/** Works out one bill. Nothing is rounded. */
export function estimateBill(input: CostInput, stage: StageShape = stageShapes[input.stage]): Bill {
  const { documentsPerDay, sizeBytes, pages, retentionDays, cells } = input;
  const documentsPerMonth = documentsPerDay * daysPerMonth;
  const artefacts = shapeDocument(input);
  const load: Load = { stage, cells, documentsPerDay, documentsPerMonth, sizeBytes, pages, artefacts };
  const charges = [requestCharges, storageCharges, backupCharges, baseCharges].flatMap((of) => of(load));
  const full: Age = { ageDays: Math.max(retentionDays, 365), retentionDays }; // logs may outlive documents
  const services = [...Map.groupBy(charges, ({ service }) => service)].map(([service, parts]) => ({
    service,
    item: dearestItem(parts, load, full),
    firstYearUsd: monthlyUsd(parts, load, { ageDays: 365, retentionDays }),
    fullUsd: monthlyUsd(parts, load, full),
  }));
  return {
    services: services.toSorted((one, other) => other.fullUsd - one.fullUsd),
    firstYearUsd: monthlyUsd(charges, load, { ageDays: 365, retentionDays }),
    fullUsd: monthlyUsd(charges, load, full),
    lifetime: lifetimeOf(charges, load, full),
  };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/**
 * A month's bill when documents have come in evenly for `ageDays`: what that month's documents cost once, and, since there is one
 * month of documents of every age, as much for keeping as they will have cost at that age.
 */
function monthlyUsd(charges: readonly Charge[], load: Load, age: Age): number {
  const perDocument = sum(charges.map(({ documentUsd, keptUsd }) => documentUsd + keptUsd(age)));
  return sum(charges.map(({ fixedUsd }) => fixedUsd)) + load.documentsPerMonth * perDocument;
}

function dearestItem(parts: readonly Charge[], load: Load, age: Age): string {
  const ofOne = (part: Charge) => monthlyUsd([part], load, age);
  return parts.toSorted((one, other) => ofOne(other) - ofOne(one))[0]!.item;
}

function lifetimeOf(charges: readonly Charge[], load: Load, age: Age): LifetimeCost {
  const intakeUsd = 1_000 * sum(charges.map(({ documentUsd }) => documentUsd));
  const keepingUsd = 1_000 * sum(charges.map(({ keptUsd }) => keptUsd(age)));
  const runningUsd = (1_000 * sum(charges.map(({ fixedUsd }) => fixedUsd))) / load.documentsPerMonth;
  return { intakeUsd, keepingUsd, runningUsd, totalUsd: intakeUsd + keepingUsd + runningUsd };
}

/** Days after which the moves to Glacier have paid for themselves, for an object of one size; null: never. */
export type BreakEven = {
  name: string;
  sizeBytes: number;
  instantRetrievalDays: number | null;
  deepArchiveDays: number | null;
  /** What the lifecycle does with it in this retention. */
  moves: ("instantRetrieval" | "deepArchive")[];
};

/** Break-even of every artefact of the document, and of round sizes. */
export function breakEvens(input: CostInput): BreakEven[] {
  const KiB = 1024;
  const round = [64, 128, 256, 1024, 8 * 1024].map((size) => ({ name: "any", sizeBytes: size * KiB }));
  return [...shapeDocument(input).filter(({ perDocument }) => perDocument > 0), ...round]
    .toSorted((one, other) => one.sizeBytes - other.sizeBytes)
    .map(({ name, sizeBytes }) => ({
      name,
      sizeBytes,
      instantRetrievalDays: breakEvenDays("instantRetrieval", sizeBytes, assumptions.lateReadsPerYear),
      deepArchiveDays: breakEvenDays("deepArchive", sizeBytes, assumptions.lateReadsPerYear),
      moves: movesOf(sizeBytes, input.retentionDays),
    }));
}

function movesOf(sizeBytes: number, retentionDays: number): BreakEven["moves"] {
  const { instantRetrievalAfterDays, instantRetrievalOverBytes } = lifecycle;
  if (sizeBytes <= instantRetrievalOverBytes || retentionDays <= instantRetrievalAfterDays) return [];
  return paysToArchive(sizeBytes, retentionDays - assumptions.archiveAfterDays)
    ? ["instantRetrieval", "deepArchive"]
    : ["instantRetrieval"];
}
