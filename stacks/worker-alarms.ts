import { MathExpression, Metric } from "aws-cdk-lib/aws-cloudwatch";
import { Duration } from "aws-cdk-lib/core";
import type { Construct } from "constructs";
import { use } from "sst/constructs";
import type { Watch } from "./alarm.ts";
import { logMetric } from "./log-metrics.ts";
import { currentStage } from "./settings.ts";
import { clusterName, type Stream, stream } from "./stream.ts";

/** Whether workers do their work. A stage that borrows its cluster has their lines among those of the lender's other pods. */
export function workerWatches(scope: Construct): Watch[] {
  const log = use(stream);
  const errors = {
    id: "worker-errors",
    what: "A worker has logged an error: its event says what to do",
    metric: logMetric(scope, "worker-errors", { period: Duration.minutes(5) }),
    above: 0,
  };
  return [...(log ? [lagWatch(log)] : []), ...(currentStage(scope).base === "own" ? [errors] : [])];
}

/**
 * Whether people are told: the partition in which the notifiers are furthest behind has records and does not get fewer. MSK
 * counts them itself, on brokers of any size and also while no notifier is there, in partitions where the group has committed an offset: a notifier
 * commits where it begins when it first gets one. Before the first has ever come up there is no value, and no alarm: MSK is
 * silent through each rebalance, too, so silence is no fault here. A count of records alone would ring at every
 * rush, and one partition that stands still is far below it. While a group changes its members MSK tells nothing: then what it
 * said last counts, and a group that never comes to an end with it after having been even rings nowhere. (The relay's lag is told by the outbox: `facts-late`.)
 */
function lagWatch(log: Stream): Watch {
  const period = Duration.minutes(1);
  const behind = new Metric({
    namespace: "AWS/Kafka",
    metricName: "MaxOffsetLag",
    dimensionsMap: {
      "Cluster Name": clusterName(log),
      "Consumer Group": `${log.prefix}notifier`,
      Topic: `${log.prefix}documents`,
    },
    statistic: "Maximum",
    period,
  });
  return {
    id: "notices-late",
    what: "The notifiers are behind and do not catch up: people are not told what became of their documents",
    metric: new MathExpression({
      expression: "IF(lag > 0 AND DIFF(lag) >= 0, 1, 0)",
      usingMetrics: {
        lag: new MathExpression({ expression: "FILL(behind, REPEAT)", usingMetrics: { behind }, period }),
      },
      period,
    }),
    above: 0,
    periods: 10,
  };
}
