/** Largest relative error of a value that the histogram answers. */
export const relativeError = 0.01;
/** Values below it, in milliseconds, count as it. */
const least = 0.01;
const growth = (1 + relativeError) / (1 - relativeError);

/** What was said of many durations, in milliseconds. */
export type Percentiles = {
  count: number;
  p50: number;
  p90: number;
  p95: number;
  p99: number;
  p999: number;
  max: number;
};

/**
 * Counts durations in buckets that grow by 2 %, so that any percentile is right within 1 % whatever its size, in a few
 * kilobytes (the buckets of DDSketch, VLDB 2019). The maximum is exact.
 */
export class Histogram {
  readonly #buckets = new Map<number, number>();
  #count = 0;
  #max = 0;

  record(ms: number): void {
    const bucket = Math.ceil(Math.log(Math.max(ms, least) / least) / Math.log(growth));
    this.#buckets.set(bucket, (this.#buckets.get(bucket) ?? 0) + 1);
    this.#count += 1;
    this.#max = Math.max(this.#max, ms);
  }

  /** The value that this share of all does not exceed, by nearest rank; NaN when nothing was recorded. */
  quantile(share: number): number {
    if (this.#count === 0) return Number.NaN;
    const rank = Math.max(1, Math.ceil(share * this.#count));
    if (rank === this.#count) return this.#max;
    let seen = 0;
    for (const [bucket, count] of [...this.#buckets].toSorted(([a], [b]) => a - b)) {
      seen += count;
      if (seen >= rank) return (2 * least * growth ** bucket) / (growth + 1);
    }
    return this.#max;
  }

  percentiles(): Percentiles {
    const [p50, p90, p95, p99, p999] = [0.5, 0.9, 0.95, 0.99, 0.999].map((share) => this.quantile(share));
    return {
      count: this.#count,
      p50: p50!,
      p90: p90!,
      p95: p95!,
      p99: p99!,
      p999: p999!,
      max: this.#count === 0 ? Number.NaN : this.#max,
    };
  }
}

/** A histogram of these durations. */
export function histogramOf(durationsMs: Iterable<number>): Histogram {
  const histogram = new Histogram();
  for (const ms of durationsMs) histogram.record(ms);
  return histogram;
}

/** One line: how many, and the percentiles in milliseconds. */
export function describePercentiles({ count, ...shares }: Percentiles): string {
  const names = { p50: "p50", p90: "p90", p95: "p95", p99: "p99", p999: "p99.9", max: "max" } as const;
  const parts = Object.entries(names).map(
    ([key, name]) => `${name} ${shares[key as keyof typeof names].toFixed(0)}`,
  );
  return `${parts.join("  ")} ms  (${count})`;
}
