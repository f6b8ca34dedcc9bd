import * as fc from "fast-check";
import { expect, test } from "vitest";
import { breakEvenDays, type Move, movingUsd, stayingUsd } from "./break-even.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

test("a gigabyte has paid for Glacier Instant Retrieval on the 16th day, minimum duration included", () => {
  // A day in Standard: 0.023 / 30.4167 = 0.00075616. Moved: 0.00002 + 90 × 0.004 / 30.4167 = 0.01185562.
  // 0.01185562 / 0.00075616 = 15.68 days.
  expect(breakEvenDays("instantRetrieval", GiB, 0)).toBe(16);
  expect(stayingUsd("instantRetrieval", GiB, 15, 0)).toBeCloseTo(0.0113425, 7);
  expect(stayingUsd("instantRetrieval", GiB, 16, 0)).toBeCloseTo(0.0120986, 7);
  expect(movingUsd("instantRetrieval", GiB, 16, 0)).toBeCloseTo(0.0118556, 7);
});

test("256 KiB, past the minimum duration, have paid for it on the 132nd day", () => {
  // Saved a month: 256 KiB = 0.000244140625 GB × (0.023 − 0.004) = 0.0000046387. 0.00002 / 0.0000046387 = 4.3116 months
  // × 30.4167 = 131.14 days.
  expect(breakEvenDays("instantRetrieval", 256 * KiB, 0)).toBe(132);
});

test("a megabyte has paid for Deep Archive on the 557th day: 40 KiB more are billed for each object", () => {
  // Instant Retrieval: 1/1024 GB × 0.004 = 0.00000390625. Deep Archive: 1056/1024² GB × 0.00099 = 0.00000099701, and
  // 8/1024² GB × 0.023 = 0.00000017548. Saved a month: 0.00000273376. 0.00005 / that = 18.290 months × 30.4167 = 556.3 days.
  expect(breakEvenDays("deepArchive", MiB, 0)).toBe(557);
});

test("an object below 128 KiB is billed as 128 KiB in Instant Retrieval, and a small one never pays", () => {
  // 22.26 KiB in Standard cost what 128 KiB cost there: 128 × 0.004 / 0.023.
  expect(breakEvenDays("instantRetrieval", 22 * KiB, 0)).toBeNull();
  expect(breakEvenDays("instantRetrieval", 23 * KiB, 0)).toBeGreaterThan(3_650);
  expect(breakEvenDays("instantRetrieval", 128 * KiB, 0)!).toBeLessThan(
    breakEvenDays("instantRetrieval", 127 * KiB, 0)!,
  );
});

test("what is read often never pays for being moved", () => {
  // Read monthly: 12 × 0.03 a GB and year, and only 12 × 0.019 are saved.
  expect(breakEvenDays("instantRetrieval", GiB, 12)).toBeNull();
  expect(breakEvenDays("instantRetrieval", GiB, 6)).toBeGreaterThan(16);
});

test("on the day before it has not paid, on the day it has, and on every day after", () => {
  const moves = fc.constantFrom<Move>("instantRetrieval", "deepArchive");
  const sizes = fc.integer({ min: 1, max: 200 * MiB });
  const reads = fc.double({ min: 0, max: 8, noNaN: true });
  fc.assert(
    fc.property(moves, sizes, reads, fc.integer({ min: 1, max: 5_000 }), (move, size, perYear, later) => {
      const day = breakEvenDays(move, size, perYear);
      const pays = (days: number) =>
        movingUsd(move, size, days, perYear) <= stayingUsd(move, size, days, perYear);
      if (day === null) return !pays(36_500) && !pays(90) && !pays(180);
      return !pays(day - 1) && pays(day) && pays(day + 1) && pays(day + later);
    }),
    { numRuns: 2_000 },
  );
});
