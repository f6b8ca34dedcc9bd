import * as fc from "fast-check";
import { expect, test } from "vitest";
import { shapeDocument } from "./document-shape.ts";
import { type CostInput, estimateBill } from "./estimate-cost.ts";
import { estimateSavings } from "./estimate-savings.ts";
import { daysPerMonth } from "./prices.ts";
import { stageNames, type StageShape, stageShapes } from "./stage-shape.ts";

const input: CostInput = {
  stage: "production",
  cells: "dual",
  documentsPerDay: 100_000,
  sizeBytes: 3_200_000,
  pages: 1.4,
  retentionDays: 3_650,
};
const billed = (service: string, given: Partial<CostInput> = {}, change: Partial<StageShape> = {}) => {
  const asked = { ...input, ...given };
  const { services } = estimateBill(asked, { ...stageShapes[asked.stage], ...change });
  return services.find((one) => one.service === service)!.fullUsd;
};

test("what stands still is its hours times its price", () => {
  expect(billed("EKS")).toBeCloseTo(2 * 730 * 0.1, 6); // 146.00
  expect(billed("EKS", { cells: "single" })).toBeCloseTo(73, 6);
  expect(billed("MSK")).toBeCloseTo(3 * 730 * 0.204 + 3 * 100 * 0.1, 6); // 476.76
  expect(billed("RDS Proxy")).toBeCloseTo(8 * 730 * 0.015, 6); // eight units at least: 87.60
  expect(billed("Secrets Manager")).toBeCloseTo(2.4, 6);
});

test("a shut cell keeps its system nodes, and runs on 3 of the 14 days of a sprint", () => {
  // System: 2 cells × 2 × 730 × 0.0816 = 238.27. Mesh and metrics: 4 vCPU × 17/14 × 730 × 0.03625 = 128.53.
  // Workers: 6 vCPU × 17/14 = 7.2857, × 730 × 0.03625 × (1 − 0.7 × 0.6) = 111.82.
  // Disks: 32 GB × (4 + (4.8571 + 7.2857) / 4) × 0.08 = 18.01.
  expect(billed("EC2")).toBeCloseTo(238.27 + 128.53 + 111.82 + 18.01, 1);
  // One cell: 119.14 + 4 × 730 × 0.03625 + 6 × 730 × 0.021025 + 32 × (2 + 2.5) × 0.08 = 119.14 + 105.85 + 92.09 + 11.52.
  expect(billed("EC2", { cells: "single" })).toBeCloseTo(328.6, 1);
});

test("what is paid by the request is requests times their price", () => {
  const documents = 100_000 * (365 / 12); // 3,041,667 a month
  expect(billed("API Gateway")).toBeCloseTo((documents * 12) / 1e6, 6); // 36.50
  // Read: 1.4 pages × (2 + 0.05) = 2.87. WAF: 5 + 4 × 1 + 3.0417 × 14.87 × 0.60 = 36.14.
  expect(billed("WAF")).toBeCloseTo(36.14, 2);
  // KMS: 5 keys + 3,041,667 × (0.000003 + 0.000015 + 2.87 × 0.000003) = 5 + 80.94.
  expect(billed("KMS")).toBeCloseTo(85.94, 2);
});

test("the database costs its smallest size until documents ask for more", () => {
  // 2 units × writer and reader × 730 × 0.12 = 350.40; I/O: 3.0417 × 60 × 0.20 = 36.50; storage at 10 years:
  // 365,000,000 × 12,000 B = 4,079.2 GB × 0.10 = 407.92.
  expect(billed("Aurora")).toBeCloseTo(350.4 + 36.5 + 407.92, 1);
  const capacity = (documentsPerDay: number) =>
    estimateBill({ ...input, documentsPerDay, retentionDays: 1 }).services.find(
      ({ service }) => service === "Aurora",
    )!.fullUsd;
  // 10,000,000 a day = 115.74/s × 0.015 s = 1.7361 vCPU / 0.125 = 13.889 units, twice: 2,433.3; I/O 3,650.0;
  // storage of one day: 10,000,000 × 12,000 B = 111.76 GB × 0.10 = 11.18.
  expect(capacity(10_000_000)).toBeCloseTo(2433.33 + 3650 + 11.18, 1);
});

test("a copy in another region is sent, and lies where it is written to the end", () => {
  const vaultGb =
    shapeDocument(input).reduce((sum, { perDocument, sizeBytes }) => sum + perDocument * sizeBytes, 0) /
    2 ** 30;
  const artefacts = 3 * 1.4 + (1 - 1 / 1.4) + 1;
  const uploadGb = 3_200_000 / 2 ** 30;
  // Glacier Instant Retrieval bills 128 KiB at least, which thumbnails and capture facts are below.
  const coldGb =
    shapeDocument(input).reduce(
      (sum, { perDocument, sizeBytes }) => sum + perDocument * Math.max(131_072, sizeBytes),
      0,
    ) /
    2 ** 30;
  const sent =
    vaultGb * 0.035 + // 0.02 to the region, 0.015 within 15 minutes
    artefacts * 0.0000004 + // a GET of each
    uploadGb * (0.035 + (0.023 * 31) / (365 / 12)) + // 31 days as a deleted version
    1.4 * 0.0000054; // a PUT and a GET
  const documents = 100_000 * (365 / 12);
  // A PUT of each, 0.02 per 1,000; then ten years.
  expect(billed("S3 copies")).toBeCloseTo(documents * (sent + artefacts * 0.00002 + coldGb * 0.004 * 120), 4);
  const inStandard = billed("S3 copies", {}, { copyClass: "standard" });
  expect(inStandard).toBeCloseTo(documents * (sent + artefacts * 0.000005 + vaultGb * 0.023 * 120), 4);
});

test("a backup of the vault bills each object once in each region, and small ones as 128 KiB", () => {
  const of = (given: Partial<CostInput>) =>
    billed(
      "AWS Backup",
      { ...given, cells: "single", stage: "dev", pages: 1 },
      { backup: { dailyDays: 35, monthlyDays: 0, hasVault: true } },
    );
  // A day's retention, 1,000,000 documents a day, for which 1/30.4167 of a month is due. dev has no copies.
  // Artefacts: original 1,000,496 B, rendition 280,432 B, thumbnail and capture facts 131,072 B each: 1,543,072 B × 0.05.
  // Database: 34 daily snapshots past the free one × 12,000 B × 0.021.
  const gb = (bytes: number) => (bytes * 1e6) / 2 ** 30;
  const expected = gb(1_543_072) * 0.05 + 34 * gb(12_000) * 0.021 + 1e6 * (365 / 12) * 4 * 0.0000004;
  expect(of({ documentsPerDay: 1_000_000, sizeBytes: 1_000_000, retentionDays: 1 })).toBeCloseTo(expected, 6);
});

test("a mean document is its originals, renditions, thumbnails, combined PDFs and capture facts, sealed", () => {
  const shape = shapeDocument({ sizeBytes: 3_000_000, pages: 1.5 });
  // 2,000,000 has 7 whole frames of 262,144: 400 + 7 × 32 = 624. A third of the documents has several pages, 2.5 of them.
  expect(shape[0]).toEqual({ name: "original", perDocument: 1.5, sizeBytes: 2_000_624 });
  expect(shape[1]).toEqual({ name: "page", perDocument: 1.5, sizeBytes: 280_432 });
  expect(shape[3]).toMatchObject({ name: "combined", sizeBytes: 700_464 });
  expect(shape[3]!.perDocument).toBeCloseTo(1 / 3, 12);
  expect(shapeDocument({ sizeBytes: 3_000_000, pages: 1 })[3]!.perDocument).toBe(0);
});

test("a month in which as much expires as comes in costs what its documents will have cost in their lives", () => {
  const { fullUsd, lifetime, services } = estimateBill(input);
  const thousands = (input.documentsPerDay * daysPerMonth) / 1_000;
  expect(fullUsd).toBeCloseTo(lifetime.totalUsd * thousands, 6);
  expect(fullUsd).toBeCloseTo(
    services.reduce((sum, service) => sum + service.fullUsd, 0),
    6,
  );
  expect(lifetime.totalUsd).toBeCloseTo(lifetime.intakeUsd + lifetime.keepingUsd + lifetime.runningUsd, 9);
});

test("an idle cell that is shut costs less than one that runs, and more than none", () => {
  const of = (cells: CostInput["cells"]) => estimateBill({ ...input, cells }).firstYearUsd;
  expect(of("single")).toBeLessThan(of("dual"));
  expect(of("dual")).toBeLessThan(of("both"));
});

test("more documents, larger ones or a longer retention never cost less", () => {
  const inputs = fc.record({
    stage: fc.constantFrom(...stageNames),
    cells: fc.constantFrom("single" as const, "dual" as const, "both" as const),
    documentsPerDay: fc.integer({ min: 1, max: 5_000_000 }),
    sizeBytes: fc.integer({ min: 1_000, max: 200_000_000 }),
    pages: fc.double({ min: 1, max: 50, noNaN: true }),
    retentionDays: fc.integer({ min: 30, max: 10_000 }),
  });
  const slack = 1 + 1e-9;
  const more = fc.integer({ min: 1, max: 2_000 });
  fc.assert(
    fc.property(inputs, more, (one, by) => {
      const bill = estimateBill(one);
      const busier = estimateBill({ ...one, documentsPerDay: one.documentsPerDay + by });
      const longer = estimateBill({ ...one, retentionDays: one.retentionDays + by });
      return (
        bill.firstYearUsd <= busier.firstYearUsd * slack &&
        bill.fullUsd <= busier.fullUsd * slack &&
        bill.fullUsd <= longer.fullUsd * slack &&
        bill.lifetime.totalUsd <= longer.lifetime.totalUsd * slack
      );
    }),
    { numRuns: 500 },
  );
});

test("each saving is the difference of two bills, and at a stage that has nothing of it there is none", () => {
  const savings = estimateSavings(input);
  const nat = savings.find(({ name }) => name === "one NAT gateway")!;
  expect(nat.fullUsd).toBeCloseTo(2 * 730 * 0.05, 6); // 0.045 and 0.005 for its address
  const names = estimateSavings({ ...input, stage: "dev", cells: "single" }).map(({ name }) => name);
  expect(names).toEqual([]);
});
