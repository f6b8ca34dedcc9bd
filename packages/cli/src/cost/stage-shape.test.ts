import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { backupDays } from "../../../../stacks/backup-days.ts";
import { stageOf } from "../../../../stacks/stage.ts";
import { dividePeriods } from "@strongroom/core/config";
import { assumptions, fixityDays, lifecycle } from "./assumptions.ts";
import { estimateBill } from "./estimate-cost.ts";
import { priceList, prices } from "./prices.ts";
import { stageNames, stageShapes } from "./stage-shape.ts";

const stack = (name: string) => readFile(new URL(`../../../../stacks/${name}.ts`, import.meta.url), "utf8");

test.each(stageNames)("%s costs what the stacks make of it", (name) => {
  const made = stageOf(name, "");
  const counted = stageShapes[name];
  const { maxCapacity: _, ...database } = made.database;
  expect(counted).toMatchObject({
    cells: made.cells.length === 1 ? "single" : "dual",
    availabilityZones: made.availabilityZones,
    natGateways: made.natGateways,
    hasInterfaceEndpoints: made.hasInterfaceEndpoints,
    database,
    brokers: made.mskKind,
    hasCache: made.hasCache,
    hasObjectLock: made.hasObjectLock,
    replicates: made.replicates,
    logDays: made.logDays,
  });
});

test("the vault moves as its lifecycle says", async () => {
  const storage = await stack("storage");
  expect(storage).toContain(`objectSizeGreaterThan: ${lifecycle.instantRetrievalOverBytes / 1024} * KiB`);
  expect(storage).toMatch(
    new RegExp(
      `GLACIER_INSTANT_RETRIEVAL,\\s+transitionAfter: Duration\\.days\\(${lifecycle.instantRetrievalAfterDays}\\)`,
    ),
  );
});

test("what is stored is read back as often as the opener does", () => {
  expect(dividePeriods(1).fixity).toBe(fixityDays * 24 * 3_600_000);
});

test("production's budget stands above the bill of docs/cost.md in its dearest month, by a quarter at least", () => {
  const { fullUsd } = estimateBill({
    stage: "production",
    cells: "dual",
    documentsPerDay: 100_000,
    sizeBytes: 3_200_000,
    pages: 1.4,
    retentionDays: 3_650,
  });
  expect(stageOf("production", "").budgetUsd).toBeGreaterThan(1.25 * fullUsd);
  expect(stageOf("production", "").budgetUsd).toBeLessThan(2 * fullUsd);
});

test("copies of the vault are written in the class that they are counted in, and nothing moves them on", async () => {
  const written = /part === "vault" && { storageClass: "GLACIER_IR" }/.test(await stack("replication"));
  expect(await stack("recovery")).not.toMatch(/transitions|storageClass/);
  expect(stageShapes.production.copyClass).toBe(written ? "instantRetrieval" : "standard");
});

test("backups are kept as their plan says", async () => {
  const plan = await stack("backup");
  const { dailyDays, monthlyDays, hasVault } = stageShapes.production.backup;
  expect(backupDays).toEqual({ daily: dailyDays, monthly: monthlyDays });
  expect(plan.includes("use(storage).vault.bucketArn")).toBe(hasVault);
  for (const name of stageNames)
    expect(stageShapes[name].backup.dailyDays > 0, name).toBe(stageOf(name, "").protects);
});

test("a cell has the system nodes that its cluster makes", async () => {
  const cluster = await stack("cluster");
  expect(cluster).toContain('instanceTypes: ["m7g.large"]');
  expect(cluster).toContain(`desiredSize: ${stageShapes.production.systemNodes}`);
});

test("every price names its unit and its source, and the list its day and region", () => {
  expect(priceList).toMatchObject({ date: expect.stringMatching(/^\d{4}-\d\d-\d\d$/), region: "us-east-1" });
  for (const [name, { usd, per, source }] of Object.entries(prices)) {
    expect(usd, name).toBeGreaterThan(0);
    expect(per, name).not.toBe("");
    expect(source, name).toMatch(/pricing/);
  }
});

test("shares among the assumptions are shares, and cells overlap for less than a sprint", () => {
  for (const name of ["workerUtilisation", "spotShare", "spotDiscount", "archivedShare"] as const) {
    expect(assumptions[name]).toBeGreaterThan(0);
    expect(assumptions[name]).toBeLessThan(1);
  }
  expect(assumptions.overlapDays).toBeLessThan(assumptions.sprintDays);
});
