import * as alarms from "./alarm-rules.ts";
import { type Plant, props } from "./plant.ts";

/** Each takes one reason to wake somebody from a healthy stage. */
export const alarmPlants: Plant[] = [
  [
    "a damaged document that only the log knows",
    () => alarms.eventsRing,
    "AWS::Logs::MetricFilter",
    /^evenReaderLogs\w*damaged/,
    (one) => (one.Type = "AWS::Logs::Nothing"),
  ],
  [
    "a worker's mismatch that only the log knows",
    () => alarms.eventsRing,
    "AWS::Logs::MetricFilter",
    /^evenWorkersLogs\w*mismatch/,
    (one) => (one.Type = "AWS::Logs::Nothing"),
  ],
  [
    "a metric that nobody looks at",
    () => alarms.eventsRing,
    "AWS::CloudWatch::Alarm",
    /^documentsdamaged/,
    (one) => (one.Type = "AWS::CloudWatch::Nothing"),
  ],
  [
    "an alarm on a metric that nobody writes",
    () => alarms.eventsRing,
    "AWS::CloudWatch::Alarm",
    /^stagingmismatch/,
    (one) => (props(one)["MetricName"] = "mismatches"),
  ],
  [
    "a reconciler whose calls are counted",
    () => alarms.eventsRing,
    "AWS::CloudWatch::Alarm",
    /^reconcilersilent/,
    (one) =>
      Object.assign(
        props(one)["Metrics"].find((each: { MetricStat?: object }) => each.MetricStat).MetricStat.Metric,
        { Namespace: "AWS/Lambda", MetricName: "Invocations" },
      ),
  ],
  [
    "a reconciler that may be silent",
    () => alarms.silenceRings,
    "AWS::CloudWatch::Alarm",
    /^reconcilersilent/,
    (one) => (props(one)["TreatMissingData"] = "notBreaching"),
  ],
  [
    "unknown documents that are forgotten between two sweeps",
    () => alarms.unknownStaysRed,
    "AWS::CloudWatch::Alarm",
    /^documentsunknownlately/,
    (one) => (props(one)["Period"] = 3_600),
  ],
  [
    "sweeps further apart than unknown documents are remembered",
    () => alarms.unknownStaysRed,
    "AWS::Events::Rule",
    /Sweep/,
    (one) => (props(one)["ScheduleExpression"] = "rate(2 hours)"),
  ],
  [
    "unknown documents that are forgotten when a sweep sees another part",
    () => alarms.partsAreRemembered,
    "AWS::CloudWatch::Alarm",
    /^documentsunknownweek/,
    (one) => delete props(one)["DatapointsToAlarm"],
  ],
  [
    "sweeps in part that nobody hears",
    () => alarms.partsAreRemembered,
    "AWS::CloudWatch::Alarm",
    /^vaultsweptinpart/,
    (one) => (props(one)["MetricName"] = "sweep-rounds"),
  ],
  [
    "sweeps in part that are forgotten while sweeps rest",
    () => alarms.partsAreRemembered,
    "AWS::CloudWatch::Alarm",
    /^vaultsweptinpart/,
    (one) => (props(one)["EvaluationPeriods"] = 1),
  ],
  [
    "unknown documents that no alarm tells of",
    () => alarms.partsAreRemembered,
    "AWS::CloudWatch::CompositeAlarm",
    /^unknowndocuments/,
    (one) => (one.Type = "AWS::CloudWatch::Nothing"),
  ],
  [
    "unknown documents that are told to nobody",
    () => alarms.partsAreRemembered,
    "AWS::CloudWatch::CompositeAlarm",
    /^unknowndocuments/,
    (one) => delete props(one)["AlarmActions"],
  ],
  [
    "a health check that tells nobody",
    () => alarms.entryIsWatched,
    "AWS::CloudWatch::Alarm",
    /entrydownodd/,
    (one) => (one.Type = "AWS::CloudWatch::Nothing"),
  ],
  [
    "an entry whose faults nobody counts",
    () => alarms.entryIsWatched,
    "AWS::CloudWatch::Alarm",
    /^entryerrors/,
    (one) => (one.Type = "AWS::CloudWatch::Nothing"),
  ],
];
