import type { CfnCluster } from "aws-cdk-lib/aws-eks";
import { CfnAccessEntry, CfnPodIdentityAssociation } from "aws-cdk-lib/aws-eks";
import { Rule } from "aws-cdk-lib/aws-events";
import { SqsQueue } from "aws-cdk-lib/aws-events-targets";
import { ManagedPolicy, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { Queue, QueueEncryption } from "aws-cdk-lib/aws-sqs";
import { Duration } from "aws-cdk-lib/core";
import type { Construct } from "constructs";
import { controllerStatements } from "./karpenter-policy.ts";
import { podRole } from "./pod-role.ts";
import { roleName } from "./roles.ts";
import { currentStage } from "./settings.ts";
import type { CellName } from "./stage.ts";

/** What EC2 says before it takes a node away. */
const warnings = {
  ScheduledChange: { source: ["aws.health"], detailType: ["AWS Health Event"] },
  SpotInterruption: { source: ["aws.ec2"], detailType: ["EC2 Spot Instance Interruption Warning"] },
  Rebalance: { source: ["aws.ec2"], detailType: ["EC2 Instance Rebalance Recommendation"] },
  StateChange: { source: ["aws.ec2"], detailType: ["EC2 Instance State-change Notification"] },
};

/** What Karpenter (1.14) needs of AWS: a role for nodes, one for itself, and a queue that tells of interruptions. */
export function karpenter(
  scope: Construct,
  { cell, cluster }: { cell: CellName; cluster: CfnCluster },
): { nodeRole: Role; nodeAccess: CfnAccessEntry } {
  const { name: stage } = currentStage(scope);
  const clusterName = `strongroom-${stage}-${cell}`;
  const nodeRole = new Role(scope, "NodeRole", {
    roleName: roleName(scope, "node", cell),
    assumedBy: new ServicePrincipal("ec2.amazonaws.com"),
    managedPolicies: [
      "AmazonEKSWorkerNodePolicy",
      "AmazonEKS_CNI_Policy",
      "AmazonEC2ContainerRegistryPullOnly",
      "AmazonSSMManagedInstanceCore",
    ].map((name) => ManagedPolicy.fromAwsManagedPolicyName(name)),
  });
  const nodeAccess = new CfnAccessEntry(scope, "NodeAccess", {
    clusterName: cluster.ref,
    principalArn: nodeRole.roleArn,
    type: "EC2_LINUX",
  });
  const interruptions = new Queue(scope, "Interruptions", {
    queueName: clusterName,
    encryption: QueueEncryption.SQS_MANAGED,
    enforceSSL: true,
    retentionPeriod: Duration.minutes(5),
  });
  for (const [name, eventPattern] of Object.entries(warnings)) {
    new Rule(scope, name, { eventPattern, targets: [new SqsQueue(interruptions)] });
  }
  const role = podRole(
    scope,
    "Karpenter",
    controllerStatements({ clusterName, nodeRoleArn: nodeRole.roleArn, queueArn: interruptions.queueArn }),
  );
  new CfnPodIdentityAssociation(scope, "KarpenterIdentity", {
    clusterName: cluster.ref,
    namespace: "karpenter",
    serviceAccount: "karpenter",
    roleArn: role.roleArn,
  });
  return { nodeRole, nodeAccess };
}
