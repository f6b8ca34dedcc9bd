import { type Found, idOf, nameOf, resourcesOf, type Rule } from "./find.ts";
import type { Synthesis } from "./synthesize.ts";

/** Where a proof of durability fails; `reconcile.done` bears what the database knows of it, the last two what a sweep came to. */
const told = [
  "document.damaged",
  "staging.mismatch",
  "vault.unknown_documents",
  "staging.unknown_document",
  "staging.not_adopted",
  "reconcile.done",
  "sweep.done",
  "vault.swept_in_part",
];

type Transformation = { MetricNamespace: string; MetricName: string; MetricValue: string };
const nameOfMetric = ({ Namespace, MetricName }: { Namespace?: unknown; MetricName?: unknown }) =>
  `${String(Namespace)} ${String(MetricName)}`;

/** The log group and the metric of each filter. */
const filtersOf = (synthesis: Synthesis) =>
  resourcesOf(synthesis, "AWS::Logs::MetricFilter").map(({ stack, properties }) => {
    const [made] = properties["MetricTransformations"] as [Transformation];
    return {
      group: `${stack}/${idOf(properties["LogGroupName"])}`,
      pattern: String(properties["FilterPattern"]),
      metric: nameOfMetric({ Namespace: made.MetricNamespace, MetricName: made.MetricName }),
    };
  });

/** Namespace and name of each metric that an alarm looks at. */
const metricsOf = ({ properties }: Found): string[] => [
  nameOfMetric(properties),
  ...((properties["Metrics"] ?? []) as { MetricStat?: { Metric: object } }[]).flatMap(({ MetricStat }) =>
    MetricStat ? [nameOfMetric(MetricStat.Metric)] : [],
  ),
];

/** The groups into which functions and workers of ours write. */
const groupsOf = (synthesis: Synthesis): string[] => [
  ...resourcesOf(synthesis, "AWS::Lambda::Function").flatMap(({ stack, properties }) => {
    const { LogGroup } = (properties["LoggingConfig"] ?? {}) as { LogGroup?: unknown };
    return LogGroup === undefined ? [] : [`${stack}/${idOf(LogGroup)}`];
  }),
  ...resourcesOf(synthesis, "AWS::Logs::LogGroup")
    .filter(({ properties }) => String(properties["LogGroupName"]).endsWith("/workers"))
    .map(nameOf),
];

/**
 * Every log of our functions and workers is looked through for each event that means a broken proof or a round, each becomes a metric, and
 * each such metric has an alarm; no alarm waits for a metric that nobody writes.
 */
export const eventsRing: Rule = (synthesis) => {
  const filters = filtersOf(synthesis);
  const watched = resourcesOf(synthesis, "AWS::CloudWatch::Alarm").flatMap(metricsOf);
  const unheard = [...new Set(groupsOf(synthesis))].flatMap((group) =>
    told
      .filter((event) => !filters.some((one) => one.group === group && one.pattern.includes(`"${event}"`)))
      .map((event) => `${group}: nobody hears ${event}`),
  );
  if (watched.length === 0) return unheard; // a person's stage has no alarms
  const written = new Set(filters.map(({ metric }) => metric));
  const ours = [...new Set(watched)].filter((metric) => metric.startsWith("strongroom/"));
  return [
    ...unheard,
    ...[...written].filter((metric) => !ours.includes(metric)).map((metric) => `${metric} has no alarm`),
    ...ours.filter((metric) => !written.has(metric)).map((metric) => `${metric} is written by nobody`),
  ];
};

/** A silent alarm rings when nobody is there to write the metric. */
export const silenceRings: Rule = (synthesis) =>
  resourcesOf(synthesis, "AWS::CloudWatch::Alarm")
    .filter(({ id }) => /silent|entrydown/.test(id))
    .filter(({ properties }) => properties["TreatMissingData"] !== "breaching")
    .map((found) => `${nameOf(found)} takes silence for health`);

const seconds: Record<string, number> = { "rate(1 hour)": 3_600 };

/**
 * A sweep tells each time of documents that nobody knows: the alarm looks back further than from the beginning of one sweep
 * to the end of the next, or it would be green between two of them, and wake somebody with each.
 */
export const unknownStaysRed: Rule = (synthesis) => {
  const sweeps = resourcesOf(synthesis, "AWS::Events::Rule").filter(({ id }) => /Sweep/.test(id));
  const timeouts = resourcesOf(synthesis, "AWS::Lambda::Function").flatMap(({ id, properties }) =>
    /Sweep/.test(id) ? [Number(properties["Timeout"])] : [],
  );
  const told = ({ properties }: Found) => seconds[String(properties["ScheduleExpression"])] ?? Infinity;
  const apart = Math.max(...sweeps.map(told)) + Math.max(...timeouts);
  return resourcesOf(synthesis, "AWS::CloudWatch::Alarm")
    .filter(({ properties }) => properties["MetricName"] === "documents-unknown")
    .filter(({ properties }) => !(apart > 0 && Number(properties["Period"]) > apart))
    .map((found) => `${nameOf(found)} is green between two sweeps`);
};

/**
 * Until a day after a sweep that saw a part of the vault, what any found within a week keeps the alarm red: one alarm that tells somebody,
 * `unknown-documents`, rings for what was found lately, or for the week's and such a sweep together.
 */
export const partsAreRemembered: Rule = (synthesis) => {
  const watches = resourcesOf(synthesis, "AWS::CloudWatch::Alarm");
  if (watches.length === 0) return []; // a person's stage has no alarms
  const composites = resourcesOf(synthesis, "AWS::CloudWatch::CompositeAlarm").filter(({ id }) =>
    id.startsWith("unknowndocuments"),
  );
  if (composites.length !== 1)
    return [`${composites.length} alarms in place of one tell of unknown documents`];
  return composites.flatMap((found) => [
    ...(tellsSomebody(found) ? [] : [`${nameOf(found)} tells nobody`]),
    ...(remembersParts(found, watches)
      ? []
      : [`${nameOf(found)} forgets what a sweep of another part has found`]),
  ]);
};

const tellsSomebody = ({ properties }: Found): boolean =>
  properties["ActionsEnabled"] !== false && ((properties["AlarmActions"] ?? []) as unknown[]).length > 0;

function remembersParts({ properties }: Found, watches: Found[]): boolean {
  const ofMetric = (metric: string) => watches.filter((watch) => watch.properties["MetricName"] === metric);
  const [lately, both] = JSON.stringify(properties["AlarmRule"]).split("OR", 2) as [string, string?];
  const [unknown, inPart] = [ofMetric("documents-unknown"), ofMetric("vault-swept-in-part")];
  const named = (rule: string, [one]: Found[]) => one !== undefined && rule.includes(`"${one.id}"`);
  const latest = unknown.filter((watch) => !remembers(watch, week));
  return (
    named(lately, latest) &&
    both?.includes("AND") === true &&
    named(
      both,
      unknown.filter((watch) => remembers(watch, week)),
    ) &&
    named(
      both,
      inPart.filter((watch) => remembers(watch, day)),
    )
  );
}

/** One period of so many seconds is enough. */
const remembers = ({ properties }: Found, seconds: number): boolean =>
  Number(properties["Period"]) * Number(properties["EvaluationPeriods"]) === seconds &&
  properties["DatapointsToAlarm"] === 1;

const day = 86_400;
const week = 7 * day;

/** In us-east-1, where their metrics are, each health check and the entry's distribution have an alarm. */
export const entryIsWatched: Rule = (synthesis) => {
  const watched = JSON.stringify(
    resourcesOf(synthesis, "AWS::CloudWatch::Alarm").map(({ properties }) => properties),
  );
  const asked = [
    ...resourcesOf(synthesis, "AWS::Route53::HealthCheck"),
    ...resourcesOf(synthesis, "AWS::CloudFront::Distribution").filter(({ stack }) => stack === "api"),
  ];
  return asked.filter(({ id }) => !watched.includes(id)).map((found) => `${nameOf(found)} has no alarm`);
};

/** What of the watching is billed: each metric that an alarm looks at, composite alarms, and metrics that logs are counted into. */
export const billedWatches = (synthesis: Synthesis) => ({
  alarmMetrics: resourcesOf(synthesis, "AWS::CloudWatch::Alarm").reduce(
    (sum, { properties }) =>
      sum +
      (properties["Metrics"] === undefined
        ? 1
        : (properties["Metrics"] as { MetricStat?: object }[]).filter(({ MetricStat }) => MetricStat).length),
    0,
  ),
  compositeAlarms: resourcesOf(synthesis, "AWS::CloudWatch::CompositeAlarm").length,
  logMetrics: new Set(filtersOf(synthesis).map(({ metric }) => metric)).size,
});
