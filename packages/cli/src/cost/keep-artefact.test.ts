import * as fc from "fast-check";
import { expect, test } from "vitest";
import { assumptions } from "./assumptions.ts";
import { breakEvenDays } from "./break-even.ts";
import { keptUsd, paysToArchive } from "./keep-artefact.ts";

const KiB = 1024;
const GiB = 1024 ** 3;

test("up to the 90th day an artefact lies in Standard", () => {
  // 0.023 × 90 / 30.4167
  expect(keptUsd(GiB, { ageDays: 90, retentionDays: 200 })).toBeCloseTo(0.0680548, 7);
});

test("then it costs its move, less for each day, and what is read", () => {
  // 0.0680548 + 0.00002 + 0.004 × 110 / 30.4167 + 110 / 365 × 0.02 × (0.00001 + 0.03)
  // = 0.0680548 + 0.00002 + 0.0144658 + 0.0001809
  expect(keptUsd(GiB, { ageDays: 200, retentionDays: 200 })).toBeCloseTo(0.0827215, 6);
});

test("an artefact that ends ten days after its move pays for ninety", () => {
  const young = keptUsd(GiB, { ageDays: 100, retentionDays: 400 });
  const ended = keptUsd(GiB, { ageDays: 100, retentionDays: 100 });
  expect(ended - young).toBeCloseTo((80 * 0.004) / (365 / 12), 9);
});

test("256 KiB stay in Standard for good, one byte more is moved", () => {
  const age = { ageDays: 3_650, retentionDays: 3_650 };
  // 256 KiB = 0.000244140625 GB × 0.023 × 120 months
  expect(keptUsd(256 * KiB, age)).toBeCloseTo(0.000673828, 9);
  expect(keptUsd(256 * KiB + 1, age)).toBeLessThan(0.0003);
});

test("an artefact is archived when what is left of its retention reaches the break-even, not a day sooner", () => {
  const size = 1024 * KiB;
  const days = breakEvenDays("deepArchive", size, assumptions.lateReadsPerYear)!;
  expect(paysToArchive(size, days - 1)).toBe(false);
  expect(paysToArchive(size, days)).toBe(true);
  expect(paysToArchive(size, days + 1)).toBe(true);
});

test("a longer retention and a larger artefact never cost less, and no day of age gives money back", () => {
  const days = fc.integer({ min: 1, max: 5_000 });
  const sizes = fc.integer({ min: 1, max: 20 * 1024 * KiB });
  const whole = (size: number, retentionDays: number) =>
    keptUsd(size, { ageDays: retentionDays, retentionDays });
  const slack = 1 + 1e-12;
  fc.assert(
    fc.property(sizes, days, days, (size, retentionDays, more) => {
      const older = keptUsd(size, { ageDays: Math.min(more + 1, retentionDays), retentionDays });
      const younger = keptUsd(size, { ageDays: Math.min(more, retentionDays), retentionDays });
      return (
        younger <= older * slack &&
        whole(size, retentionDays) <= whole(size, retentionDays + 1) * slack &&
        whole(size, retentionDays) <= whole(size, retentionDays + more) * slack
      );
    }),
    { numRuns: 2_000 },
  );
});
