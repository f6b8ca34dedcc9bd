import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { describePercentiles, histogramOf, relativeError } from "./histogram.ts";

/** The same by nearest rank over all values kept. */
const exact = (values: number[], share: number) =>
  values.toSorted((a, b) => a - b)[Math.max(1, Math.ceil(share * values.length)) - 1]!;

describe("a percentile of the histogram", () => {
  it("is within one percent of the value that sorting all would give", () => {
    const durations = fc.array(fc.double({ min: 0.011, max: 10_000_000, noNaN: true }), { minLength: 1 });
    fc.assert(
      fc.property(durations, fc.double({ min: 0.001, max: 1, noNaN: true }), (values, share) => {
        const told = histogramOf(values).quantile(share);
        const true_ = exact(values, share);
        expect(Math.abs(told - true_)).toBeLessThanOrEqual(true_ * relativeError * (1 + 1e-9));
      }),
    );
  });

  it("never falls when more are asked for", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1 }), (values) => {
        const { p50, p90, p95, p99, p999, max } = histogramOf(values).percentiles();
        for (const [a, b] of [
          [p50, p90],
          [p90, p95],
          [p95, p99],
          [p99, p999],
          [p999, max],
        ] as const)
          expect(a).toBeLessThanOrEqual(Math.max(b * (1 + 2 * relativeError), 0.02));
      }),
    );
  });
});

it("the maximum is exact, and one slow answer among a thousand is seen in the last permille only", () => {
  const { count, p50, p99, p999, max } = histogramOf([
    ...Array<number>(999).fill(10),
    60_000.5,
  ]).percentiles();
  expect([count, max]).toEqual([1_000, 60_000.5]);
  for (const share of [p50, p99, p999]) expect(Math.abs(share - 10)).toBeLessThanOrEqual(0.1);
});

it("of nothing there is no percentile, and it says so", () => {
  expect(histogramOf([]).percentiles()).toMatchObject({ count: 0, p50: Number.NaN, max: Number.NaN });
  expect(describePercentiles(histogramOf([]).percentiles())).toContain("(0)");
});
