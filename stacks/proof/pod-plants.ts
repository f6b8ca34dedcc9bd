import { allowing, type Plant, props } from "./plant.ts";
import * as pods from "./pod-rules.ts";

const addon = /^evenfluentbit/;
const told = (from: RegExp | string, to: string) => (one: Parameters<Plant[4]>[0]) =>
  (props(one)["ConfigurationValues"] = props(one)["ConfigurationValues"].replace(from, to));

/** Each keeps something that pods write from whoever is on call. */
export const podPlants: Plant[] = [
  [
    "a cluster whose pods nobody hears",
    () => pods.podsAreHeard,
    "AWS::EKS::Addon",
    addon,
    (one) => (props(one)["AddonName"] = "other"),
  ],
  [
    "pods that are read twice",
    () => pods.podsAreHeard,
    "AWS::EKS::Addon",
    addon,
    told("Exclude_Path", "Exclude"),
  ],
  [
    "lines in a group that nobody made",
    () => pods.podsAreHeard,
    "AWS::EKS::Addon",
    addon,
    told("even/workers", "even/other"),
  ],
  [
    "lines that no filter understands",
    () => pods.podsAreHeard,
    "AWS::EKS::Addon",
    addon,
    told("log_key log", "log_key message"),
  ],
  [
    "groups that come without a key",
    () => pods.podsAreHeard,
    "AWS::EKS::Addon",
    addon,
    told("auto_create_group Off", "auto_create_group On"),
  ],
  [
    "a Fluent Bit that starts before its role",
    () => pods.podsAreHeard,
    "AWS::EKS::Addon",
    addon,
    (one) => (one.DependsOn = []),
  ],
  [
    "a log of pods that nobody forgets",
    () => pods.podsAreHeard,
    "AWS::Logs::LogGroup",
    /^evenPodsLogs/,
    (one) => delete props(one)["RetentionInDays"],
  ],
  [
    "errors of workers that nobody counts",
    () => pods.podsAreHeard,
    "AWS::Logs::MetricFilter",
    /^evenWorkersLogsworkererrors/,
    (one) => (props(one)["FilterPattern"] = '{ $.level = "warn" }'),
  ],
  [
    "a Fluent Bit that writes into any log",
    () => pods.podsAreHeard,
    "AWS::IAM::Policy",
    /^evenFluentBit/,
    allowing({ Action: "logs:PutLogEvents", Resource: "*" }),
  ],
  [
    "notifiers that fall behind unheard",
    () => pods.noticesAreWatched("notifier"),
    "AWS::CloudWatch::Alarm",
    /^noticeslate/,
    (one) => (one.Type = "AWS::CloudWatch::Nothing"),
  ],
  [
    "an alarm on another group's lag",
    () => pods.noticesAreWatched("notifier"),
    "AWS::CloudWatch::Alarm",
    /^noticeslate/,
    (one) =>
      (props(one)
        ["Metrics"].find((each: { MetricStat?: object }) => each.MetricStat)
        .MetricStat.Metric.Dimensions.find(({ Name }: { Name: string }) => Name === "Consumer Group").Value =
        "others"),
  ],
];
