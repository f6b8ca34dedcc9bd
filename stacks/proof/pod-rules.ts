import { type Found, idOf, nameOf, plain, resourcesOf, type Rule, statementsOf } from "./find.ts";
import type { Synthesis } from "./synthesize.ts";

/** Resources of a type that belong to a cluster. */
const ofCluster = (synthesis: Synthesis, cluster: Found, type: string): Found[] =>
  resourcesOf(synthesis, type).filter(
    ({ stack, properties }) => stack === cluster.stack && idOf(properties["ClusterName"]) === cluster.id,
  );

/** What Fluent Bit is told: values by section, `INPUT` or `OUTPUT`. */
function sectionsOf(addon: Found | undefined): { kind: string; values: Record<string, string> }[] {
  const given = addon?.properties["ConfigurationValues"];
  const { config = {} } = JSON.parse(typeof given === "string" ? given : "{}") as {
    config?: Record<string, string>;
  };
  return Object.values(config)
    .join("\n")
    .split(/^(?=\[)/m)
    .map((text) => ({
      kind: /^\[(\w+)\]/.exec(text)?.[1] ?? "",
      values: Object.fromEntries(
        [...text.matchAll(/^ +(\S+) (.+)$/gm)].map(([, key, value]) => [key!, value!]),
      ),
    }));
}

/**
 * Each line of each pod of a cluster gets into a group of its stack that is encrypted and forgets, as it was written; the lines of
 * our workers into one where errors are counted. Who sends them may add to these groups and do nothing else.
 */
export const podsAreHeard: Rule = (synthesis) =>
  resourcesOf(synthesis, "AWS::EKS::Cluster").flatMap((cluster) => {
    const addon = ofCluster(synthesis, cluster, "AWS::EKS::Addon").find(
      ({ properties }) => properties["AddonName"] === "fluent-bit",
    );
    const sections = sectionsOf(addon);
    const groups = groupsOf(synthesis, cluster, sections);
    return [
      ...gathered(synthesis, sections, groups),
      ...faultsOfRights(synthesis, cluster, { addon, groups }),
    ].map((what) => `${nameOf(cluster)}: ${what}`);
  });

type Sections = ReturnType<typeof sectionsOf>;

/** The group that each output names, by the tag that it takes. */
const groupsOf = (
  synthesis: Synthesis,
  { stack }: Found,
  sections: Sections,
): Map<string, Found | undefined> =>
  new Map(
    sections
      .filter(({ kind }) => kind === "OUTPUT")
      .map(({ values }) => [
        values["Match"]!,
        resourcesOf(synthesis, "AWS::Logs::LogGroup").find(
          (group) => group.stack === stack && group.properties["LogGroupName"] === values["log_group_name"],
        ),
      ]),
  );

function gathered(
  synthesis: Synthesis,
  sections: Sections,
  groups: Map<string, Found | undefined>,
): string[] {
  const inputs = sections.filter(({ kind }) => kind === "INPUT").map(({ values }) => values);
  const outputs = sections.filter(({ kind }) => kind === "OUTPUT").map(({ values }) => values);
  const ours = inputs.find(({ Path }) => Path?.endsWith("/*_strongroom_*.log"));
  const rest = inputs.find(({ Path }) => Path === "/var/log/containers/*.log");
  const kept = (group?: Found) => group?.properties["RetentionInDays"] && group.properties["KmsKeyId"];
  const errorsOf = (group?: Found) =>
    resourcesOf(synthesis, "AWS::Logs::MetricFilter").filter(
      ({ stack, properties }) =>
        stack === group?.stack &&
        idOf(properties["LogGroupName"]) === group.id &&
        String(properties["FilterPattern"]).includes('$.level = "error"'),
    );
  return [
    ...(ours && rest && rest["Exclude_Path"] === ours["Path"] ? [] : ["some pods are not read, or twice"]),
    ...inputs.filter(({ Tag }) => !kept(groups.get(Tag ?? ""))).map(({ Tag }) => `${Tag} is kept nowhere`),
    ...outputs.filter((one) => one["log_key"] !== "log").map(() => "lines come wrapped"),
    ...outputs.filter((one) => one["auto_create_group"] !== "Off").map(() => "groups are made by others"),
    ...(errorsOf(groups.get(ours?.["Tag"] ?? "")).length === 1 ? [] : ["errors of workers are not counted"]),
  ];
}

function faultsOfRights(
  synthesis: Synthesis,
  cluster: Found,
  { addon, groups }: { addon: Found | undefined; groups: Map<string, Found | undefined> },
): string[] {
  const identity = ofCluster(synthesis, cluster, "AWS::EKS::PodIdentityAssociation").find(
    ({ properties }) =>
      properties["Namespace"] === "fluent-bit" && properties["ServiceAccount"] === "fluent-bit",
  );
  const waits = [addon?.resource.DependsOn ?? []].flat().includes(identity?.id ?? "");
  const role = idOf(identity?.properties["RoleArn"]);
  const allowed = resourcesOf(synthesis, "AWS::IAM::Policy")
    .filter(({ properties }) => (properties["Roles"] as unknown[]).some((one) => idOf(one) === role))
    .flatMap(({ properties }) => statementsOf(properties["PolicyDocument"]));
  const wanted = {
    Action: ["logs:CreateLogStream", "logs:PutLogEvents"],
    Effect: "Allow",
    Resource: [...groups.values()].map((group) => group?.id),
  };
  return [
    ...(waits ? [] : ["Fluent Bit may start without its role"]),
    ...(JSON.stringify(plain(allowed)) === JSON.stringify([wanted])
      ? []
      : ["Fluent Bit may do something else than write to its groups"]),
  ];
}

/** Where facts are published, somebody hears when the group of those who tell people of them falls behind. */
export const noticesAreWatched =
  (notifier: string): Rule =>
  (synthesis) => {
    const lags = lagsWatched(synthesis);
    return resourcesOf(synthesis, "AWS::MSK::Topic")
      .map(({ properties }) => String(properties["TopicName"]))
      .filter((topic) => topic.endsWith("documents"))
      .filter((topic) => {
        const group = `${topic.replace(/documents$/, "")}${notifier}`;
        return !lags.some(
          (lag) => lag["Cluster Name"] && lag["Topic"] === topic && lag["Consumer Group"] === group,
        );
      })
      .map((topic) => `nobody hears that the notifiers of ${topic} are behind`);
  };

type Lag = { Namespace: string; MetricName: string; Dimensions: { Name: string; Value: unknown }[] };

/** Dimensions of each lag of a group that an alarm looks at. */
const lagsWatched = (synthesis: Synthesis): Record<string, unknown>[] =>
  resourcesOf(synthesis, "AWS::CloudWatch::Alarm").flatMap(({ properties }) =>
    ((properties["Metrics"] ?? []) as { MetricStat?: { Metric: Lag } }[])
      .flatMap(({ MetricStat }) => MetricStat?.Metric ?? [])
      .filter(({ Namespace, MetricName }) => Namespace === "AWS/Kafka" && MetricName === "MaxOffsetLag")
      .map(({ Dimensions }) => Object.fromEntries(Dimensions.map(({ Name, Value }) => [Name, Value]))),
  );
