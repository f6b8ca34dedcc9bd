import { Port, SecurityGroup } from "aws-cdk-lib/aws-ec2";
import { PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import {
  CfnDBProxy,
  CfnDBProxyTargetGroup,
  type CfnDBCluster,
  type CfnDBInstance,
} from "aws-cdk-lib/aws-rds";
import { Fn, Stack } from "aws-cdk-lib/core";
import type { Construct } from "constructs";
import type { Door } from "./database.ts";
import { databaseUserArns } from "./database-users.ts";
import type { Network } from "./network.ts";

type Behind = { cluster: CfnDBCluster; instances: CfnDBInstance[]; net: Network };

/**
 * Connections of hundreds of short-lived functions over a few real ones, with the caller's own IAM token passed through.
 * Workers and relay go direct: advisory locks on a session would pin a proxy's connection.
 */
export function databaseProxy(scope: Construct, { cluster, instances, net: { vpc, members } }: Behind): Door {
  const group = new SecurityGroup(scope, "ProxyGroup", {
    vpc,
    description: "Database proxy",
    allowAllOutbound: false,
  });
  group.addIngressRule(members, Port.tcp(5432), "Functions");
  group.connections.allowTo(
    SecurityGroup.fromSecurityGroupId(scope, "ClusterGroup", cluster.vpcSecurityGroupIds![0]!),
    Port.tcp(5432),
  );
  const role = new Role(scope, "ProxyRole", { assumedBy: new ServicePrincipal("rds.amazonaws.com") });
  role.addToPolicy(
    new PolicyStatement({
      actions: ["rds-db:connect"],
      resources: databaseUserArns(scope, cluster.attrDbClusterResourceId),
    }),
  );
  const proxy = new CfnDBProxy(scope, "Proxy", {
    dbProxyName: `${Stack.of(scope).stackName}-proxy`,
    engineFamily: "POSTGRESQL",
    requireTls: true,
    roleArn: role.roleArn,
    defaultAuthScheme: "IAM_AUTH",
    vpcSubnetIds: vpc.selectSubnets({ subnetGroupName: "private" }).subnetIds,
    vpcSecurityGroupIds: [group.securityGroupId],
    idleClientTimeout: 900,
  });
  const targets = new CfnDBProxyTargetGroup(scope, "ProxyTargets", {
    dbProxyName: proxy.ref,
    targetGroupName: "default",
    dbClusterIdentifiers: [cluster.ref],
    connectionPoolConfigurationInfo: { maxConnectionsPercent: 60, maxIdleConnectionsPercent: 20 },
  });
  // RDS registers no cluster that has no instance yet.
  for (const one of [cluster, ...instances]) targets.addDependency(one);
  // arn:aws:rds:<region>:<account>:db-proxy:prx-…
  return { host: proxy.attrEndpoint, id: Fn.select(6, Fn.split(":", proxy.attrDbProxyArn)) };
}
