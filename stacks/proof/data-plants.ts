import * as access from "./access-rules.ts";
import * as databases from "./database-rules.ts";
import * as keys from "./key-rules.ts";
import { allowing, type Plant, props } from "./plant.ts";
import { topicsHaveBrokers } from "./rules.ts";

/** Faults of keys, database, stream and backups. */
export const dataPlants: Plant[] = [
  [
    "a key that copies in another region cannot be opened with",
    () => keys.copiesHaveTheirKeys,
    "Custom::KeyReplica",
    /^Data/,
    (one) => (one.Type = "Custom::Nothing"),
  ],
  [
    "a replica that trusts IAM alone",
    () => keys.copiesHaveTheirKeys,
    "Custom::KeyReplica",
    /^Data/,
    (one) =>
      (props(one)["Create"] = JSON.parse(JSON.stringify(props(one)["Create"]).replace("Deny", "Allow"))),
  ],
  [
    "a replica that everybody may open with",
    () => keys.copiesHaveTheirKeys,
    "Custom::KeyReplica",
    /^Data/,
    (one) =>
      (props(one)["Create"] = JSON.parse(
        JSON.stringify(props(one)["Create"]).replace(/(aws:PrincipalArn(\\+)":\[)/, '$1$2"*$2",'),
      )),
  ],
  [
    "a function that may come to the cluster and comes by the proxy",
    () => access.loginsFitTheirDoor,
    "AWS::IAM::Policy",
    /^even.*ReaderRole/,
    allowing({
      Action: "rds-db:connect",
      Resource: ["arn:aws:rds-db:us-east-1:111122223333:dbuser:cluster-ABC/strongroom_app"],
    }),
  ],
  [
    "a worker that may come by the proxy and comes to the cluster",
    () => access.loginsFitTheirDoor,
    "AWS::IAM::Policy",
    /processor/i,
    allowing({
      Action: "rds-db:connect",
      Resource: {
        "Fn::ImportValue": "production-strongroom-database:ExportsOutputFnGetAttProxyDBProxyArn",
      },
    }),
  ],
  [
    "a proxy whose targets may be made before the writer",
    () => databases.targetsWaitForInstances,
    "AWS::RDS::DBProxyTargetGroup",
    /./,
    (one) => (one.DependsOn = ["Cluster"]),
  ],
  [
    "a database whose log RDS makes",
    () => databases.databaseLogsAreOurs,
    "AWS::RDS::DBCluster",
    /./,
    (one) => delete props(one)["DBClusterIdentifier"],
  ],
  [
    "a log of the database that is never emptied",
    () => databases.databaseLogsAreOurs,
    "AWS::Logs::LogGroup",
    /^Logs/,
    (one) => delete props(one)["RetentionInDays"],
  ],
  [
    "a vault of backups whose lock can be taken away",
    () => databases.backupsAreLocked,
    "AWS::Backup::BackupVault",
    /./,
    (one) => delete props(one)["LockConfiguration"]["ChangeableForDays"],
  ],
  [
    "topics in a cluster that makes none",
    () => topicsHaveBrokers,
    "AWS::MSK::Cluster",
    /./,
    (one) => (one.Type = "AWS::MSK::ServerlessCluster"),
  ],
];
