import { type IMetric, MathExpression, Metric } from "aws-cdk-lib/aws-cloudwatch";
import { SnsAction } from "aws-cdk-lib/aws-cloudwatch-actions";
import { ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { Key } from "aws-cdk-lib/aws-kms";
import { Topic } from "aws-cdk-lib/aws-sns";
import { EmailSubscription } from "aws-cdk-lib/aws-sns-subscriptions";
import { Duration } from "aws-cdk-lib/core";
import type { Construct } from "constructs";
import { type StackContext, use } from "sst/constructs";
import { alarm, type Watch } from "./alarm.ts";
import { api } from "./api.ts";
import { budget } from "./budget.ts";
import { burnAlarms } from "./burn-alarms.ts";
import { entryWatches } from "./entry-alarms.ts";
import { ingest } from "./ingest.ts";
import { keys } from "./keys.ts";
import { logMetric } from "./log-metrics.ts";
import { queues } from "./queues.ts";
import { reader } from "./reader.ts";
import { schedules } from "./schedules.ts";
import { cellScope, currentSite, currentStage } from "./settings.ts";
import { storage } from "./storage.ts";
import { unknownAlarms } from "./unknown-alarms.ts";
import { workerWatches } from "./worker-alarms.ts";
import type { CellName } from "./stage.ts";

/** What wakes somebody: burning budgets, dead letters, documents that wait, a reconciler that is silent, and money. */
export function alarms({ stack }: StackContext) {
  const stage = currentStage(stack);
  const { alarmEmail } = currentSite();
  if (stage.base === "none") return null;
  const topic = new Topic(stack, "Alarms", {
    masterKey: Key.fromKeyArn(stack, "Rest", use(keys).restKeyArn),
    enforceSSL: true,
  });
  for (const service of ["cloudwatch.amazonaws.com", "budgets.amazonaws.com"])
    topic.grantPublish(new ServicePrincipal(service));
  if (alarmEmail !== null) topic.addSubscription(new EmailSubscription(alarmEmail));
  const action = new SnsAction(topic);
  for (const cell of stage.cells) {
    const scope = cellScope(stack, cell);
    for (const watch of cellWatches(cell)) alarm(scope, watch, action);
    burnAlarms(scope, cell, action);
  }
  const watches = [...stageWatches(), ...logWatches(stack), ...workerWatches(stack), ...entryWatches()];
  for (const watch of watches) alarm(stack, watch, action);
  unknownAlarms(stack, action);
  budget(stack, topic);
  return { topic };
}

function cellWatches(cell: CellName): Watch[] {
  const period = Duration.minutes(1);
  const pairs = Object.entries(use(queues)(cell));
  return [
    ...pairs.map(([name, { dead }]) => ({
      id: `dead-${name}-${cell}`,
      what: `${name} (${cell}) has dead letters: the reconciler rings them anew, find out what they died of`,
      metric: dead.metricApproximateNumberOfMessagesVisible({ period, statistic: "Maximum" }),
      above: 0,
    })),
    ...pairs.map(([name, { queue }]) => ({
      id: `oldest-${name}-${cell}`,
      what: `${name} (${cell}) has a message that waits longer than documents may wait: are the workers at work?`,
      metric: queue.metricApproximateAgeOfOldestMessage({ period, statistic: "Maximum" }),
      above: name === "late" ? 3_600 : 600,
      periods: 3,
    })),
    {
      id: `ingest-errors-${cell}`,
      what: `Ingest (${cell}) fails as a whole: it cannot start, or times out`,
      metric: use(ingest)(cell).metricErrors({ period, statistic: "Sum" }),
      above: 0,
      periods: 5,
    },
    {
      id: `reader-errors-${cell}`,
      what: `The reader (${cell}) fails as a whole: documents cannot be opened`,
      metric: use(reader)(cell).metricErrors({ period, statistic: "Sum" }),
      above: 0,
      periods: 5,
    },
    {
      id: `reader-refuses-${cell}`,
      what: `The reader (${cell}) answers with faults of ours: documents cannot be opened`,
      metric: use(reader)(cell).metric("Url5xxCount", { period, statistic: "Sum" }),
      above: 0,
      periods: 5,
    },
    {
      id: `reader-full-${cell}`,
      what: `The reader (${cell}) turns people away: as many read at once as may`,
      metric: use(reader)(cell).metricThrottles({ period, statistic: "Sum" }),
      above: 0,
      periods: 3,
    },
    {
      id: `slow-${cell}`,
      what: `Nine in ten answers of the API (${cell}) may be fine, the slowest are not`,
      metric: use(api).api(cell).cdk.httpApi.metricLatency({ period, statistic: "p99" }),
      above: 3_000,
      periods: 5,
    },
  ];
}

/** 1 while no round comes to its end. A call is none: one that finds the lock held does nothing, and does not fail. */
const silence = (rounds: IMetric, period: Duration): MathExpression =>
  new MathExpression({ expression: "IF(rounds > 0, 0, 1)", usingMetrics: { rounds }, period });

/** What functions write into their logs. Proofs of durability allow no rate: one line is one too many. */
function logWatches(scope: Construct): Watch[] {
  const [often, seldom] = [Duration.minutes(5), Duration.hours(1)];
  const latest = { period: often, statistic: "Maximum" } as const;
  return [
    {
      id: "reconciler-silent",
      what: "The reconciler has ended no round for a quarter of an hour: nothing mends what gets lost",
      metric: silence(logMetric(scope, "reconciler-rounds", { period: often }), often),
      above: 0,
      periods: 3,
      silenceIsBad: true,
    },
    {
      id: "sweep-silent",
      what: "No sweep has come to its end for three hours: orphans stay, and a restored database is not completed",
      metric: silence(logMetric(scope, "sweep-rounds", { period: seldom }), seldom),
      above: 0,
      periods: 3,
      silenceIsBad: true,
    },
    {
      id: "facts-late",
      what: "Facts have waited for ten minutes to be published: the relay is away, or the stream",
      metric: logMetric(scope, "facts-late", latest),
      above: 0,
    },
    {
      id: "fixity-faults",
      what: "Stored documents were read back and are not as they were sealed, or are gone",
      metric: logMetric(scope, "fixity-faults", latest),
      above: 0,
    },
    {
      id: "documents-damaged",
      what: "Somebody asked for a document that is not as it was sealed, or is gone",
      metric: logMetric(scope, "documents-damaged", { period: often }),
      above: 0,
    },
    {
      id: "staging-mismatch",
      what: "An object in staging is not what its grant says: no signed upload writes such",
      metric: logMetric(scope, "staging-mismatch", { period: often }),
      above: 0,
    },
  ];
}

function stageWatches(): Watch[] {
  const objects = new Metric({
    namespace: "AWS/S3",
    metricName: "NumberOfObjects",
    statistic: "Average",
    period: Duration.days(1),
    dimensionsMap: { BucketName: use(storage).staging.bucketName, StorageType: "AllStorageTypes" },
  });
  const { reconcile, sweep } = use(schedules);
  const [often, seldom] = [Duration.minutes(5), Duration.hours(1)];
  return [
    {
      id: "reconciler-errors",
      what: "A step of the reconciler fails: its log says which",
      metric: reconcile.jobFunction.metricErrors({ period: often, statistic: "Sum" }),
      above: 0,
      periods: 2,
    },
    {
      id: "sweep-errors",
      what: "A step of the sweep fails, or it is cut off before its end: its log says which",
      metric: sweep.jobFunction.metricErrors({ period: seldom, statistic: "Sum" }),
      above: 0,
    },
    // What is stored leaves after a day, what is rejected after a week: seven days of growth in a row is nobody's traffic.
    {
      id: "staging-grows",
      what: "Staging has grown for seven days: the reconciler does not empty it, and its backstop deletes at 35",
      metric: new MathExpression({
        expression: "DIFF(objects)",
        usingMetrics: { objects },
        period: Duration.days(1),
      }),
      above: 0,
      periods: 7,
    },
  ];
}
