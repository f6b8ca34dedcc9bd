import { Port, SecurityGroup } from "aws-cdk-lib/aws-ec2";
import { Key } from "aws-cdk-lib/aws-kms";
import { LogGroup } from "aws-cdk-lib/aws-logs";
import {
  CfnDBCluster,
  CfnDBClusterParameterGroup,
  CfnDBInstance,
  CfnDBSubnetGroup,
} from "aws-cdk-lib/aws-rds";
import { CfnDeletionPolicy } from "aws-cdk-lib/core";
import type { Construct } from "constructs";
import { type StackContext, use } from "sst/constructs";
import { databaseProxy } from "./database-proxy.ts";
import { keys } from "./keys.ts";
import { network, type Network } from "./network.ts";
import { dataRemoval, logRetention } from "./retention.ts";
import { currentStage } from "./settings.ts";
import { borrow, lend } from "./shared.ts";

/** Aurora PostgreSQL 17: the newest of the line that the embedded system runs. */
const engine = { engine: "aurora-postgresql", engineVersion: "17.5", family: "aurora-postgresql17" };

/** An address, and what names it in IAM where users come in. */
export type Door = { host: string; id: string };

/** Where the database is; `proxy` is for functions only. */
export type Database = {
  cluster: Door;
  readerHost: string;
  proxy: Door | null;
  port: string;
  name: string;
  secretArn: string;
  /** Key of that secret: a pull request's own key does not open what lies under dev's. */
  secretKeyArn: string;
  clusterArn: string;
};

/** A writer and its readers in the data tier, reached over TLS with IAM tokens; the owner's password lives in a rotated secret. */
export function database({ stack }: StackContext): Database | null {
  const stage = currentStage(stack);
  const net = use(network);
  if (net === null) return null;
  if (stage.base === "dev") return borrowed(stack, stage.name);
  const cluster = createCluster(stack, net);
  const instances = createInstances(stack, cluster);
  const here: Database = {
    cluster: { host: cluster.attrEndpointAddress, id: cluster.attrDbClusterResourceId },
    readerHost: cluster.attrReadEndpointAddress,
    proxy: stage.database.hasProxy ? databaseProxy(stack, { cluster, instances, net }) : null,
    port: cluster.attrEndpointPort,
    name: "strongroom",
    secretArn: cluster.attrMasterUserSecretSecretArn,
    secretKeyArn: use(keys).restKeyArn,
    clusterArn: cluster.attrDbClusterArn,
  };
  stack.addOutputs({ Cluster: cluster.ref });
  lend(stack, {
    "database-host": here.cluster.host,
    "database-reader": here.readerHost,
    "database-port": here.port,
    "database-id": here.cluster.id,
    "database-secret": here.secretArn,
    "database-secret-key": here.secretKeyArn,
    "database-arn": here.clusterArn,
  });
  return here;
}

function createCluster(scope: Construct, { vpc, members }: Network): CfnDBCluster {
  const stage = currentStage(scope);
  const { minCapacity, maxCapacity, backupDays } = stage.database;
  const group = new SecurityGroup(scope, "Group", { vpc, description: "Database", allowAllOutbound: false });
  group.addIngressRule(members, Port.tcp(5432), "Functions and workers");
  const kmsKeyId = use(keys).restKeyArn;
  const subnets = new CfnDBSubnetGroup(scope, "Subnets", {
    dbSubnetGroupDescription: "Data tier",
    subnetIds: vpc.selectSubnets({ subnetGroupName: "data" }).subnetIds,
  });
  const parameters = new CfnDBClusterParameterGroup(scope, "Parameters", {
    description: "TLS only; slow statements are logged without their values",
    family: engine.family,
    parameters: {
      "rds.force_ssl": "1",
      log_min_duration_statement: "1000",
      log_parameter_max_length: "0",
      log_parameter_max_length_on_error: "0",
    },
  });
  // Named, so that its log can be: one that RDS makes itself is never emptied, and lies under no key of ours.
  const name = `strongroom-${stage.name}`;
  const logs = new LogGroup(scope, "Logs", {
    logGroupName: `/aws/rds/cluster/${name}/postgresql`,
    retention: logRetention(stage),
    removalPolicy: dataRemoval(stage),
    encryptionKey: Key.fromKeyArn(scope, "Rest", kmsKeyId),
  });
  const cluster = new CfnDBCluster(scope, "Cluster", {
    dbClusterIdentifier: name,
    engine: engine.engine,
    engineVersion: engine.engineVersion,
    databaseName: "strongroom",
    masterUsername: "strongroom_root",
    manageMasterUserPassword: true, // RDS keeps and rotates it, every seven days
    masterUserSecret: { kmsKeyId },
    serverlessV2ScalingConfiguration: { minCapacity, maxCapacity },
    dbSubnetGroupName: subnets.ref,
    dbClusterParameterGroupName: parameters.ref,
    vpcSecurityGroupIds: [group.securityGroupId],
    enableIamDatabaseAuthentication: true,
    storageEncrypted: true,
    kmsKeyId,
    backupRetentionPeriod: backupDays,
    copyTagsToSnapshot: true,
    deletionProtection: stage.protects,
    enableCloudwatchLogsExports: ["postgresql"],
    port: 5432,
  });
  cluster.node.addDependency(logs);
  cluster.cfnOptions.deletionPolicy = stage.protects ? CfnDeletionPolicy.SNAPSHOT : CfnDeletionPolicy.DELETE;
  return cluster;
}

/** The writer, and readers that take its place in a failover. */
function createInstances(scope: Construct, cluster: CfnDBCluster): CfnDBInstance[] {
  const { readers } = currentStage(scope).database;
  return Array.from(
    { length: 1 + readers },
    (_, at) =>
      new CfnDBInstance(scope, at === 0 ? "Writer" : `Reader${at}`, {
        dbClusterIdentifier: cluster.ref,
        dbInstanceClass: "db.serverless",
        engine: engine.engine,
        promotionTier: at,
        publiclyAccessible: false,
        autoMinorVersionUpgrade: true,
        enablePerformanceInsights: true,
        performanceInsightsKmsKeyId: use(keys).restKeyArn,
      }),
  );
}

/** A database of its own in the cluster of `dev`, made by the migration. */
function borrowed(scope: Construct, stage: string): Database {
  const value = borrow(scope);
  return {
    cluster: { host: value("database-host"), id: value("database-id") },
    readerHost: value("database-reader"),
    proxy: null,
    port: value("database-port"),
    name: `strongroom_${stage.replaceAll("-", "_")}`,
    secretArn: value("database-secret"),
    secretKeyArn: value("database-secret-key"),
    clusterArn: value("database-arn"),
  };
}

/** Functions come by the proxy, if there is one; workers, whose locks would pin its connections, directly. */
export const doorOf = ({ cluster, proxy }: Database, who: "function" | "worker"): Door =>
  (who === "function" && proxy) || cluster;
