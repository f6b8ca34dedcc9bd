import type { PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { Construct } from "constructs";
import { use } from "sst/constructs";
import { allow } from "./allow.ts";
import { database, databaseUserArn } from "./database.ts";
import { keys } from "./keys.ts";
import { objectGrants } from "./object-grants.ts";
import { keyGrants, queueGrants } from "./service-grants.ts";
import type { CellName } from "./stage.ts";
import { stream, streamArn } from "./stream.ts";

/** Everything that a function or a worker of ours may be allowed: nothing else is ever given. */
export type Grant = keyof ReturnType<typeof grantsOf>;

function grantsOf(scope: Construct, cell: CellName) {
  return { ...objectGrants(), ...keyGrants(), ...queueGrants(cell), ...baseGrants(scope) };
}

/** What may be done with database and stream; nothing where a developer's own machine has them. */
function baseGrants(scope: Construct) {
  const db = use(database);
  const log = use(stream);
  return {
    enterDatabase: () =>
      db
        ? allow(
            ["rds-db:connect"],
            ["strongroom_app", "strongroom_system"].map((user) => databaseUserArn(scope, db, user)),
          )
        : [],
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
            ...allow(["kms:Decrypt"], [use(keys).restKeyArn]),
          ]
        : [],
  };
}

/** The statements of some grants, for one cell. */
export function statementsOf(scope: Construct, cell: CellName, grants: readonly Grant[]): PolicyStatement[] {
  const all = grantsOf(scope, cell);
  return grants.flatMap((grant) => all[grant]());
}
