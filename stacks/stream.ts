import { Port, SecurityGroup } from "aws-cdk-lib/aws-ec2";
import { PolicyStatement } from "aws-cdk-lib/aws-iam";
import { Key } from "aws-cdk-lib/aws-kms";
import { LogGroup } from "aws-cdk-lib/aws-logs";
import { CfnCluster, CfnConfiguration } from "aws-cdk-lib/aws-msk";
import { Fn } from "aws-cdk-lib/core";
import { AwsCustomResource, AwsCustomResourcePolicy, PhysicalResourceId } from "aws-cdk-lib/custom-resources";
import type { Construct } from "constructs";
import { type StackContext, use } from "sst/constructs";
import { keys } from "./keys.ts";
import { network, type Network } from "./network.ts";
import { logRetention } from "./retention.ts";
import { currentStage } from "./settings.ts";
import { borrow, lend } from "./shared.ts";
import { createTopics } from "./topics.ts";

/** Brokers to start from, the cluster in IAM, and what stands before every topic and group of a stage that borrows. */
export type Stream = { brokers: string; clusterArn: string; prefix: string };

/** MSK with IAM only: facts in order per document, for the notifier and for whoever else subscribes. */
export function stream({ stack }: StackContext): Stream | null {
  const stage = currentStage(stack);
  const net = use(network);
  if (net === null) return null;
  if (stage.base === "dev") {
    const value = borrow(stack);
    const borrowed = { brokers: value("brokers"), clusterArn: value("stream-arn"), prefix: `${stage.name}.` };
    createTopics(stack, borrowed);
    return borrowed;
  }
  const group = new SecurityGroup(stack, "Group", {
    vpc: net.vpc,
    description: "Stream",
    allowAllOutbound: false,
  });
  group.addIngressRule(net.members, Port.tcp(9098), "Functions and workers, IAM over TLS");
  const clusterArn = createBrokers(stack, net, group);
  const brokers = findBrokers(stack, clusterArn);
  lend(stack, { brokers, "stream-arn": clusterArn });
  createTopics(stack, { clusterArn, prefix: "" });
  return { brokers, clusterArn, prefix: "" };
}

function createBrokers(scope: Construct, { vpc }: Network, group: SecurityGroup): string {
  const stage = currentStage(scope);
  group.addIngressRule(group, Port.allTcp(), "Brokers among themselves");
  const encryptionKey = Key.fromKeyArn(scope, "RestKey", use(keys).restKeyArn);
  const logs = new LogGroup(scope, "BrokerLogs", { retention: logRetention(stage), encryptionKey });
  const configuration = new CfnConfiguration(scope, "Configuration", {
    name: `strongroom-${stage.name}`,
    serverProperties: [
      "auto.create.topics.enable=false",
      "default.replication.factor=3",
      "min.insync.replicas=2",
      "unclean.leader.election.enable=false",
    ].join("\n"),
  });
  const cluster = new CfnCluster(scope, "Provisioned", {
    clusterName: `strongroom-${stage.name}`,
    kafkaVersion: "3.9.x.kraft",
    numberOfBrokerNodes: 3,
    brokerNodeGroupInfo: {
      instanceType: stage.mskKind,
      clientSubnets: vpc.selectSubnets({ subnetGroupName: "data" }).subnetIds,
      securityGroups: [group.securityGroupId],
      storageInfo: { ebsStorageInfo: { volumeSize: 100 } },
    },
    configurationInfo: { arn: configuration.attrArn, revision: 1 },
    clientAuthentication: { sasl: { iam: { enabled: true } }, unauthenticated: { enabled: false } },
    encryptionInfo: {
      encryptionAtRest: { dataVolumeKmsKeyId: encryptionKey.keyArn },
      encryptionInTransit: { clientBroker: "TLS", inCluster: true },
    },
    enhancedMonitoring: "PER_TOPIC_PER_BROKER",
    loggingInfo: { brokerLogs: { cloudWatchLogs: { enabled: true, logGroup: logs.logGroupName } } },
  });
  return cluster.attrArn;
}

/** CloudFormation does not tell the brokers of a cluster; this asks for them at deploy. */
function findBrokers(scope: Construct, clusterArn: string): string {
  const asking = new AwsCustomResource(scope, "Brokers", {
    onUpdate: {
      service: "@aws-sdk/client-kafka",
      action: "GetBootstrapBrokersCommand",
      parameters: { ClusterArn: clusterArn },
      outputPaths: ["BootstrapBrokerStringSaslIam"],
      physicalResourceId: PhysicalResourceId.of("brokers"),
    },
    installLatestAwsSdk: false,
    policy: AwsCustomResourcePolicy.fromStatements([
      new PolicyStatement({ actions: ["kafka:GetBootstrapBrokers"], resources: [clusterArn] }),
    ]),
  });
  return asking.getResponseField("BootstrapBrokerStringSaslIam");
}

/** The cluster's name, as CloudWatch knows it: a step of its ARN, which whoever borrows the cluster has as well. */
export const clusterName = ({ clusterArn }: Stream): string => Fn.select(1, Fn.split("/", clusterArn));

/** What IAM calls a topic or a group: the cluster's ARN with another kind and one more step. */
export function streamArn(
  { clusterArn, prefix }: Stream,
  kind: "topic" | "group" | "transactional-id",
  name: string,
): string {
  const step = (at: number) => Fn.select(at, Fn.split("/", clusterArn));
  const head = Fn.join(
    ":",
    [0, 1, 2, 3, 4].map((at) => Fn.select(at, Fn.split(":", step(0)))),
  );
  return `${head}:${kind}/${step(1)}/${step(2)}/${prefix}${name}`;
}
