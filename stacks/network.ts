import {
  FlowLogDestination,
  FlowLogTrafficType,
  GatewayVpcEndpointAwsService,
  InterfaceVpcEndpointAwsService,
  type ISecurityGroup,
  type IVpc,
  IpAddresses,
  Peer,
  Port,
  SecurityGroup,
  SubnetType,
  Vpc,
} from "aws-cdk-lib/aws-ec2";
import { Key } from "aws-cdk-lib/aws-kms";
import { LogGroup } from "aws-cdk-lib/aws-logs";
import { Tags } from "aws-cdk-lib/core";
import { type StackContext, use } from "sst/constructs";
import { keys } from "./keys.ts";
import { currentStage } from "./settings.ts";
import { borrow, lend } from "./shared.ts";
import { dataRemoval, logRetention } from "./retention.ts";
import type { Stage } from "./stage.ts";

/** Where things run, and the one group whose members may talk to database, stream and cache. */
export type Network = { vpc: IVpc; members: ISecurityGroup };

/** Three zones, four tiers: public (NAT only), private (functions, nodes), control (the clusters' own), data (no way out). */
export function network({ stack }: StackContext): Network | null {
  const stage = currentStage(stack);
  if (stage.base === "none") return null;
  if (stage.base === "dev") return borrowed(stack);
  // CDK's class says "string or undefined" where its interface says "string or absent".
  const vpc = createVpc(stack, stage) as IVpc;
  const flowLogs = new LogGroup(stack, "FlowLogs", {
    retention: logRetention(stage),
    removalPolicy: dataRemoval(stage),
    encryptionKey: Key.fromKeyArn(stack, "FlowLogsKey", use(keys).restKeyArn),
  });
  vpc.addFlowLog("Flows", {
    trafficType: FlowLogTrafficType.ALL,
    destination: FlowLogDestination.toCloudWatchLogs(flowLogs),
  });
  vpc.addGatewayEndpoint("S3", { service: GatewayVpcEndpointAwsService.S3 });
  const members = new SecurityGroup(stack, "Members", {
    vpc,
    description: "May talk to database, stream and cache",
  });
  // Karpenter's node classes (deploy/) find subnets and this group by this tag. A node needs its cluster's own group besides:
  // EKS makes it and tags it with `aws:eks:cluster-name`, and CloudFormation cannot tag it. Nor may this tag lie on it, since
  // both cells look for the same value (docs/deploy.md, Node classes).
  for (const one of [members, ...vpc.privateSubnets])
    Tags.of(one).add("karpenter.sh/discovery", `strongroom-${stage.name}`);
  if (stage.hasInterfaceEndpoints) endpoints(vpc, stack);
  lend(stack, {
    "vpc-id": vpc.vpcId,
    members: members.securityGroupId,
    ...Object.fromEntries(vpc.privateSubnets.map((subnet, at) => [`private-${at}`, subnet.subnetId])),
  });
  return { vpc, members };
}

function createVpc(stack: StackContext["stack"], stage: Stage): Vpc {
  return new Vpc(stack, "Vpc", {
    ipAddresses: IpAddresses.cidr("10.64.0.0/16"),
    maxAzs: stage.availabilityZones,
    natGateways: stage.natGateways,
    restrictDefaultSecurityGroup: false,
    subnetConfiguration: [
      { name: "public", subnetType: SubnetType.PUBLIC, cidrMask: 24, mapPublicIpOnLaunch: false },
      { name: "private", subnetType: SubnetType.PRIVATE_WITH_EGRESS, cidrMask: 19 },
      { name: "control", subnetType: SubnetType.PRIVATE_ISOLATED, cidrMask: 28 },
      { name: "data", subnetType: SubnetType.PRIVATE_ISOLATED, cidrMask: 24 },
    ],
  });
}

/** What workers call all day stays inside. */
function endpoints(vpc: IVpc, stack: StackContext["stack"]): void {
  const { KMS, SQS, ECR, ECR_DOCKER, STS, CLOUDWATCH_LOGS } = InterfaceVpcEndpointAwsService;
  const doors = new SecurityGroup(stack, "Endpoints", {
    vpc,
    description: "Doors to AWS",
    allowAllOutbound: false,
  });
  doors.addIngressRule(Peer.ipv4(vpc.vpcCidrBlock), Port.tcp(443), "Everything inside");
  for (const [name, service] of Object.entries({ KMS, SQS, ECR, ECR_DOCKER, STS, CLOUDWATCH_LOGS })) {
    vpc.addInterfaceEndpoint(name, {
      service,
      securityGroups: [doors],
      open: false,
      subnets: { subnetGroupName: "private" },
    });
  }
}

function borrowed(stack: StackContext["stack"]): Network {
  const value = borrow(stack);
  const zones = stack.availabilityZones.slice(0, 3);
  const vpc = Vpc.fromVpcAttributes(stack, "Vpc", {
    vpcId: value("vpc-id"),
    availabilityZones: zones,
    privateSubnetIds: zones.map((_, at) => value(`private-${at}`)),
  });
  return {
    vpc,
    members: SecurityGroup.fromSecurityGroupId(stack, "Members", value("members"), { mutable: false }),
  };
}
