import { Metric } from "aws-cdk-lib/aws-cloudwatch";
import { FilterPattern, type LogGroup, MetricFilter } from "aws-cdk-lib/aws-logs";
import type { Duration } from "aws-cdk-lib/core";
import type { Construct } from "constructs";
import { currentStage } from "./settings.ts";

/** What of our log lines becomes a metric: events that mean one thing, and a field of them in place of their number. */
const logMetrics = {
  "documents-damaged": { events: ["document.damaged"] },
  "staging-mismatch": { events: ["staging.mismatch"] },
  "documents-unknown": {
    events: ["vault.unknown_documents", "staging.unknown_document", "staging.not_adopted"],
  },
  "vault-swept-in-part": { events: ["vault.swept_in_part"] },
  "reconciler-rounds": { events: ["reconcile.done"] },
  "sweep-rounds": { events: ["sweep.done"] },
  "facts-late": { events: ["reconcile.done"], field: "factsLate" },
  "fixity-faults": { events: ["reconcile.done"], field: "fixityFaults" },
} satisfies Record<string, { events: string[]; field?: string }>;
/** How many lines of the workers say an error. A function that fails is counted by Lambda, and its answers by the API. */
const errors = "worker-errors";
type LogMetric = keyof typeof logMetrics | typeof errors;

const namespaceOf = (scope: Construct) => `strongroom/${currentStage(scope).name}`;

/** Every log of ours is looked through for all of them: whoever writes such a line, it is counted. */
export function countEvents(logGroup: LogGroup): void {
  const all: [string, { events: string[]; field?: string }][] = Object.entries(logMetrics);
  for (const [name, { events, field }] of all) {
    new MetricFilter(logGroup, name, {
      logGroup,
      metricNamespace: namespaceOf(logGroup),
      metricName: name,
      metricValue: field === undefined ? "1" : `$.${field}`,
      filterPattern: FilterPattern.any(
        ...events.map((event) => FilterPattern.stringValue("$.event", "=", event)),
      ),
    });
  }
}

/** Counts what a log has of ours (`event`; a neighbour's lines have none) at level `error`. */
export function countErrors(logGroup: LogGroup): void {
  new MetricFilter(logGroup, errors, {
    logGroup,
    metricNamespace: namespaceOf(logGroup),
    metricName: errors,
    filterPattern: FilterPattern.all(
      FilterPattern.exists("$.event"),
      FilterPattern.stringValue("$.level", "=", "error"),
    ),
  });
}

/** A stage's metric of that name. Without such a line there is no value, not even 0. */
export const logMetric = (
  scope: Construct,
  name: LogMetric,
  { period, statistic = "Sum" }: { period: Duration; statistic?: "Sum" | "Maximum" },
): Metric => new Metric({ namespace: namespaceOf(scope), metricName: name, period, statistic });
