import { CfnLaunchTemplate, Port, SecurityGroup } from "aws-cdk-lib/aws-ec2";
import { CfnAddon, CfnCluster, CfnNodegroup } from "aws-cdk-lib/aws-eks";
import { ManagedPolicy, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { LogGroup } from "aws-cdk-lib/aws-logs";
import { Key } from "aws-cdk-lib/aws-kms";
import { Tags } from "aws-cdk-lib/core";
import type { Construct } from "constructs";
import { Config, type StackContext, use } from "sst/constructs";
import { karpenter } from "./karpenter.ts";
import { keys } from "./keys.ts";
import { network, type Network } from "./network.ts";
import { podLogs } from "./pod-logs.ts";
import { dataRemoval, logRetention } from "./retention.ts";
import { cellScope, currentStage } from "./settings.ts";
import { borrow, lend } from "./shared.ts";
import type { CellName } from "./stage.ts";
import { firebaseSecret, workerRoles } from "./worker-roles.ts";

/** Kubernetes of this year; its add-ons come in the version that EKS holds to be right for it. */
const version = "1.35";
const addons = ["vpc-cni", "kube-proxy", "coredns", "eks-pod-identity-agent", "metrics-server"];

/** The cluster of a cell: its name, and the group through which its API is reached. */
export type CellCluster = { name: string; arn: string; apiGroup: string };

/** Per cell an EKS cluster with a few nodes that carry Karpenter, which brings all others; and the roles of our workers. */
export function cluster({ stack }: StackContext): ((cell: CellName) => CellCluster) | null {
  const stage = currentStage(stack);
  const net = use(network);
  new Config.Secret(stack, firebaseSecret);
  if (net === null) return null;
  if (stage.base === "dev") {
    const value = borrow(stack);
    const borrowed = { name: value("cluster"), arn: value("cluster-arn"), apiGroup: value("cluster-group") };
    for (const cell of stage.cells)
      workerRoles(cellScope(stack, cell), {
        cell,
        cluster: borrowed.name,
        namespace: `strongroom-${stage.name}`,
      });
    return () => borrowed;
  }
  const byCell = new Map(stage.cells.map((cell) => [cell, createCluster(cellScope(stack, cell), cell, net)]));
  const first = byCell.get(stage.cells[0])!;
  lend(stack, { cluster: first.name, "cluster-arn": first.arn, "cluster-group": first.apiGroup });
  return (cell) => byCell.get(cell)!;
}

function createCluster(scope: Construct, cell: CellName, { vpc, members }: Network): CellCluster {
  const stage = currentStage(scope);
  const doors = new SecurityGroup(scope, "Api", {
    vpc,
    description: "The API of the cluster",
    allowAllOutbound: false,
  });
  doors.addIngressRule(members, Port.tcp(443), "Whoever deploys from inside");
  const name = `strongroom-${stage.name}-${cell}`;
  const encryptionKey = Key.fromKeyArn(scope, "Rest", use(keys).restKeyArn);
  const logs = new LogGroup(scope, "ControlLogs", {
    logGroupName: `/aws/eks/${name}/cluster`,
    retention: logRetention(stage),
    removalPolicy: dataRemoval(stage),
    encryptionKey,
  });
  const role = new Role(scope, "ClusterRole", {
    assumedBy: new ServicePrincipal("eks.amazonaws.com"),
    managedPolicies: [ManagedPolicy.fromAwsManagedPolicyName("AmazonEKSClusterPolicy")],
  });
  const made = new CfnCluster(scope, "Cluster", {
    name,
    version,
    roleArn: role.roleArn,
    accessConfig: { authenticationMode: "API", bootstrapClusterCreatorAdminPermissions: false },
    resourcesVpcConfig: {
      subnetIds: vpc.selectSubnets({ subnetGroupName: "control" }).subnetIds,
      securityGroupIds: [doors.securityGroupId],
      endpointPrivateAccess: true,
      endpointPublicAccess: false,
    },
    encryptionConfig: [{ provider: { keyArn: use(keys).restKeyArn }, resources: ["secrets"] }],
    logging: {
      clusterLogging: {
        enabledTypes: ["api", "audit", "authenticator", "controllerManager", "scheduler"].map((type) => ({
          type,
        })),
      },
    },
    deletionProtection: stage.protects,
    bootstrapSelfManagedAddons: false,
    upgradePolicy: { supportType: "STANDARD" },
  });
  made.node.addDependency(logs);
  const own = karpenter(scope, { cell, cluster: made });
  const nodes = systemNodes(scope, { ...own, cell, cluster: made, members });
  bringAddons(scope, made, nodes);
  podLogs(scope, { cell, cluster: made, nodes });
  workerRoles(scope, { cell, cluster: made.ref, namespace: "strongroom" });
  return { name: made.ref, arn: made.attrArn, apiGroup: doors.securityGroupId };
}

function bringAddons(scope: Construct, made: CfnCluster, nodes: CfnNodegroup): void {
  for (const addonName of addons) {
    const configurationValues =
      addonName === "vpc-cni" ? JSON.stringify({ enableNetworkPolicy: "true" }) : undefined;
    const addon = new CfnAddon(scope, addonName, {
      clusterName: made.ref,
      addonName,
      resolveConflicts: "OVERWRITE",
      ...(configurationValues && { configurationValues }),
    });
    if (addonName === "coredns" || addonName === "metrics-server") addon.addDependency(nodes);
  }
}

type System = ReturnType<typeof karpenter> & {
  cell: CellName;
  cluster: CfnCluster;
  members: Network["members"];
};

/**
 * Two on-demand nodes for what must run before Karpenter does; on-demand, so that spot never takes the controller. A node of
 * this size takes 29 pods. Four are on each (network, proxy, Pod Identity, Fluent Bit), and 14 more must find room on one while the other
 * is replaced: CoreDNS 2, metrics-server 2, Argo CD 7 and the job before it, Karpenter 2. An m7g.medium takes 8 in all.
 */
function systemNodes(
  scope: Construct,
  { cell, cluster: made, nodeRole, nodeAccess, members }: System,
): CfnNodegroup {
  const stage = currentStage(scope);
  const net = use(network)!;
  const template = new CfnLaunchTemplate(scope, "SystemTemplate", {
    launchTemplateData: {
      metadataOptions: { httpTokens: "required", httpPutResponseHopLimit: 1 },
      securityGroupIds: [made.attrClusterSecurityGroupId, members.securityGroupId],
      blockDeviceMappings: [
        // Bottlerocket itself, as large as its image is (2 GiB); then images and containers.
        { deviceName: "/dev/xvda", ebs: { volumeType: "gp3", encrypted: true } },
        { deviceName: "/dev/xvdb", ebs: { volumeSize: 30, volumeType: "gp3", encrypted: true } },
      ],
    },
  });
  const nodes = new CfnNodegroup(scope, "System", {
    clusterName: made.ref,
    nodeRole: nodeRole.roleArn,
    subnets: net.vpc.selectSubnets({ subnetGroupName: "private" }).subnetIds,
    amiType: "BOTTLEROCKET_ARM_64",
    capacityType: "ON_DEMAND",
    instanceTypes: ["m7g.large"],
    scalingConfig: { minSize: 2, desiredSize: 2, maxSize: 4 },
    labels: { "strongroom.dev/nodes": "system" },
    launchTemplate: { id: template.ref, version: template.attrLatestVersionNumber },
  });
  nodes.addDependency(nodeAccess); // without one, EKS makes the role's entry itself with the group, and ours is refused
  Tags.of(template).add("Name", `strongroom-${stage.name}-${cell}-system`);
  return nodes;
}
