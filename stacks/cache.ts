import { Port, SecurityGroup } from "aws-cdk-lib/aws-ec2";
import { CfnServerlessCache } from "aws-cdk-lib/aws-elasticache";
import { type StackContext, use } from "sst/constructs";
import { keys } from "./keys.ts";
import { network } from "./network.ts";
import { currentStage } from "./settings.ts";

/** Valkey, shared by all functions: roles for 60 s and rate windows. Null: each process has a cache of its own. */
export function cache({ stack }: StackContext): { url: string } | null {
  const stage = currentStage(stack);
  const net = use(network);
  if (net === null || stage.base !== "own" || !stage.hasCache) return null;
  const group = new SecurityGroup(stack, "Group", {
    vpc: net.vpc,
    description: "Cache",
    allowAllOutbound: false,
  });
  group.addIngressRule(net.members, Port.tcpRange(6379, 6380), "Functions and workers");
  const valkey = new CfnServerlessCache(stack, "Valkey", {
    serverlessCacheName: `strongroom-${stage.name}`,
    engine: "valkey",
    majorEngineVersion: "8",
    kmsKeyId: use(keys).restKeyArn,
    subnetIds: net.vpc.selectSubnets({ subnetGroupName: "data" }).subnetIds,
    securityGroupIds: [group.securityGroupId],
    // A cache that may be lost needs no snapshots; a runaway key must not run up a bill.
    snapshotRetentionLimit: 0,
    cacheUsageLimits: { dataStorage: { maximum: 5, unit: "GB" }, ecpuPerSecond: { maximum: 20_000 } },
  });
  return { url: `rediss://${valkey.attrEndpointAddress}:${valkey.attrEndpointPort}` };
}
