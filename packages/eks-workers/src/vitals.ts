import type { Clock } from "@strongroom/core/clock";
import type { Metric, Sample } from "./metric-text.ts";

/** A gauge that is read when somebody asks; one that cannot be read is left out of that answer. */
export type Gauge = { name: string; help: string; read(): Promise<readonly Sample[]> };

/**
 * What a worker tells of itself while it works. A round is one look for work, or one piece of work done: a loop that makes
 * none is stuck, however well its process answers.
 */
export type Vitals = {
  /** A round is over; `ok` is false when what the worker depends on did not answer. */
  round(ok: boolean): void;
  /** One more of something. */
  count(name: keyof typeof counters, labels?: Record<string, string>): void;
  addGauge(gauge: Gauge): void;
  /** Milliseconds since the last round, or since the beginning. */
  sinceRoundMs(): number;
  /** Whether the last round worked; true before the first. */
  isWell(): boolean;
  counted(): Metric[];
  gauges(): readonly Gauge[];
};

const counters = {
  strongroom_worker_rounds_total: "Rounds of the worker's loop: looks for work, and pieces of work done.",
  strongroom_worker_beats_total: "Beats that the worker wrote down, by whether the database took them.",
  strongroom_documents_total: "Documents that this processor let go of, by what became of them.",
  strongroom_facts_published_total: "Facts that the stream acknowledged.",
  strongroom_facts_failed_total:
    "Documents whose facts the stream did not acknowledge; they are tried again.",
  strongroom_fixity_checked_total: "Documents whose sealed objects were read back, by what was found.",
};

/** Vitals of one worker process. */
export function createVitals(clock: Pick<Clock, "monotonicMs">): Vitals {
  const counts = new Map<keyof typeof counters, Map<string, Required<Sample>>>();
  const gauges: Gauge[] = [];
  let [lastRoundMs, well] = [clock.monotonicMs(), true];
  const count: Vitals["count"] = (name, labels = {}) => {
    const samples = counts.get(name) ?? new Map<string, Required<Sample>>();
    const key = JSON.stringify(labels);
    const sample = samples.get(key) ?? { labels, value: 0 };
    sample.value += 1;
    counts.set(name, samples.set(key, sample));
  };
  return {
    round(ok) {
      [lastRoundMs, well] = [clock.monotonicMs(), ok];
      count("strongroom_worker_rounds_total", { ok: String(ok) });
    },
    count,
    addGauge: (gauge) => void gauges.push(gauge),
    sinceRoundMs: () => clock.monotonicMs() - lastRoundMs,
    isWell: () => well,
    counted: () =>
      [...counts].map(([name, samples]) => ({
        name,
        help: counters[name],
        type: "counter" as const,
        samples: [...samples.values()],
      })),
    gauges: () => gauges,
  };
}
