import type { PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { Construct } from "constructs";
import { use } from "sst/constructs";
import { allow } from "./allow.ts";
import { database, doorOf } from "./database.ts";
import { databaseUserArns } from "./database-users.ts";
import { objectGrants } from "./object-grants.ts";
import { keyGrants, queueGrants } from "./service-grants.ts";
import type { CellName } from "./stage.ts";
import { stream, streamArn } from "./stream.ts";

/** Everything that a function or a worker of ours may be allowed: nothing else is ever given. */
export type Grant = keyof ReturnType<typeof grantsOf>;

/** Whose grants they are: functions come to the database by another door than workers. */
type Grantee = { cell: CellName; who: "function" | "worker" };

function grantsOf(scope: Construct, { cell, who }: Grantee) {
  return { ...objectGrants(), ...keyGrants(), ...queueGrants(cell), ...baseGrants(scope, who) };
}

/** What may be done with database and stream; nothing where a developer's own machine has them. */
function baseGrants(scope: Construct, who: Grantee["who"]) {
  const db = use(database);
  const log = use(stream);
  return {
    enterDatabase: () => (db ? allow(["rds-db:connect"], databaseUserArns(scope, doorOf(db, who).id)) : []),
    publishFacts: () =>
      log
        ? [
            ...allow(["kafka-cluster:Connect", "kafka-cluster:WriteDataIdempotently"], [log.clusterArn]),
            ...allow(
              ["kafka-cluster:DescribeTopic", "kafka-cluster:WriteData"],
              ["documents", "users", "audit"].map((topic) => streamArn(log, "topic", topic)),
            ),
          ]
        : [],
    followFacts: () =>
      log
        ? [
            ...allow(["kafka-cluster:Connect"], [log.clusterArn]),
            ...allow(
              ["kafka-cluster:DescribeTopic", "kafka-cluster:ReadData"],
              [streamArn(log, "topic", "documents")],
            ),
            ...allow(
              ["kafka-cluster:DescribeGroup", "kafka-cluster:AlterGroup"],
              [streamArn(log, "group", "notifier")],
            ),
          ]
        : [],
    /** The owner's password, with which roles and schema are made; nobody who serves requests has it. */
    migrate: () =>
      db
        ? [
            ...allow(["secretsmanager:GetSecretValue"], [db.secretArn]),
            ...allow(["kms:Decrypt"], [db.secretKeyArn]),
          ]
        : [],
  };
}

/** The statements of some grants, for the functions or the workers of one cell. */
export function statementsOf(
  scope: Construct,
  grantee: Grantee,
  grants: readonly Grant[],
): PolicyStatement[] {
  const all = grantsOf(scope, grantee);
  return grants.flatMap((grant) => all[grant]());
}
