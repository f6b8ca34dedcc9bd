import { CfnAddon, type CfnCluster, CfnPodIdentityAssociation } from "aws-cdk-lib/aws-eks";
import type { LogGroup } from "aws-cdk-lib/aws-logs";
import { type CfnResource, Stack } from "aws-cdk-lib/core";
import type { Construct } from "constructs";
import { allow } from "./allow.ts";
import { keptLogs, workerLogs } from "./logs.ts";
import { podRole } from "./pod-role.ts";
import { currentStage } from "./settings.ts";
import type { CellName } from "./stage.ts";

type Place = { cell: CellName; cluster: CfnCluster; nodes: CfnResource };

/**
 * What pods write, in two log groups of the cell: the workers' own (namespace `strongroom`), whose lines are counted as those of
 * functions are, and all others' (platform, workers of pull requests). EKS's add-on `fluent-bit` sends it: one pod on each node, where
 * `amazon-cloudwatch-observability` brings agents and metrics as well, billed by observation, that nobody here looks at.
 */
export function podLogs(scope: Construct, { cell, cluster, nodes }: Place): void {
  const name = (part: string) => `/strongroom/${currentStage(scope).name}/${cell}/${part}`;
  const workers = workerLogs(scope, "WorkersLogs", name("workers"));
  const others = keptLogs(scope, "PodsLogs", name("pods"));
  const account = "fluent-bit"; // as AWS names namespace and service account of the add-on
  const identity = new CfnPodIdentityAssociation(scope, "FluentBitIdentity", {
    clusterName: cluster.ref,
    namespace: account,
    serviceAccount: account,
    roleArn: podRole(scope, "FluentBit", write([workers, others])).roleArn,
  });
  const addon = new CfnAddon(scope, "fluent-bit", {
    clusterName: cluster.ref,
    addonName: "fluent-bit",
    resolveConflicts: "OVERWRITE",
    configurationValues: JSON.stringify({
      config: configOf(Stack.of(scope).region, { workers: name("workers"), others: name("pods") }),
    }),
  });
  addon.node.addDependency(workers, others, identity, nodes); // a pod that comes before its role has none until it is made anew
}

/** Streams may be made, and groups may not: one that Fluent Bit made would be kept for ever, without our key. */
const write = (groups: LogGroup[]) =>
  allow(
    ["logs:CreateLogStream", "logs:PutLogEvents"],
    groups.map(({ logGroupArn }) => logGroupArn),
  );

const ofWorkers = "/var/log/containers/*_strongroom_*.log"; // <pod>_<namespace>_<container>-<id>.log

/**
 * A line becomes the event as it was written (`log_key`), so that `$.event` is where functions have it; pod and container stand in
 * the stream's name. What cannot be sent waits, as far as memory goes (`Mem_Buf_Limit`: then the files wait).
 */
const configOf = (region: string, groups: { workers: string; others: string }) => ({
  inputs: [input("workers", ofWorkers), input("pods", "/var/log/containers/*.log", ofWorkers)].join("\n"),
  outputs: [output("workers", region, groups.workers), output("pods", region, groups.others)].join("\n"),
});

const input = (tag: string, path: string, except?: string): string =>
  section("INPUT", {
    Name: "tail",
    Tag: `${tag}.*`,
    Path: path,
    ...(except && { Exclude_Path: except }),
    "multiline.parser": "docker, cri",
    Mem_Buf_Limit: "10MB",
    Skip_Long_Lines: "On",
  });

const output = (tag: string, region: string, group: string): string =>
  section("OUTPUT", {
    Name: "cloudwatch_logs",
    Match: `${tag}.*`,
    region,
    log_group_name: group,
    log_stream_prefix: "pod-",
    log_key: "log",
    auto_create_group: "Off",
    Retry_Limit: "no_limits",
  });

/** One section of Fluent Bit's classic configuration. */
const section = (kind: string, values: Record<string, string>): string =>
  [`[${kind}]`, ...Object.entries(values).map(([key, value]) => `    ${key} ${value}`)].join("\n") + "\n";
