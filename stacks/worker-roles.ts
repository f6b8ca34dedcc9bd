import { CfnPodIdentityAssociation } from "aws-cdk-lib/aws-eks";
import { PolicyStatement } from "aws-cdk-lib/aws-iam";
import { StringParameter } from "aws-cdk-lib/aws-ssm";
import { Aws, Stack } from "aws-cdk-lib/core";
import type { Construct } from "constructs";
import { use } from "sst/constructs";
import { api } from "./api.ts";
import { environmentOf, named } from "./environment.ts";
import { type Grant, statementsOf } from "./grants.ts";
import { podRole } from "./pod-role.ts";
import { roleName } from "./roles.ts";
import { currentStage } from "./settings.ts";
import type { CellName } from "./stage.ts";

/** What each worker may do. The processor makes keys and opens none; only the opener opens. */
const workers = {
  processor: ["enterDatabase", "answerBells", "ring", "readStaging", "writeVault", "makeDataKey"],
  relay: ["enterDatabase", "sign", "tellPublicKey", "publishFacts", "writeCheckpoints"],
  notifier: ["enterDatabase", "followFacts"],
  opener: ["enterDatabase", "readVault", "openDataKey"],
  /** A job before each release: roles, schema. */
  migrator: ["migrate"],
  /** KEDA: how long the queues are. */
  scaler: ["measureQueues"],
} as const satisfies Record<string, readonly Grant[]>;

type Place = { cell: CellName; cluster: string; namespace: string };

/** One role for each worker's service account, and what External Secrets needs to hand them their environment. */
export function workerRoles(scope: Construct, { cell, cluster, namespace }: Place): void {
  const stage = currentStage(scope);
  const associate = (serviceAccount: string, statements: readonly PolicyStatement[], name?: string) => {
    const { roleArn } = podRole(scope, serviceAccount, statements, name);
    new CfnPodIdentityAssociation(scope, `${serviceAccount}-identity`, {
      clusterName: cluster,
      namespace,
      serviceAccount,
      roleArn,
    });
  };
  for (const [worker, grants] of Object.entries(workers)) {
    associate(
      worker,
      statementsOf(scope, { cell, who: "worker" }, grants),
      worker === "opener" ? roleName(scope, "opener", cell) : undefined,
    );
  }
  const environment = new StringParameter(scope, "Environment", {
    parameterName: `/strongroom/${stage.name}/${cell}/environment`,
    description: "Environment of the workers of this cell, as JSON, for External Secrets",
    stringValue: Stack.of(scope).toJsonString({
      ...environmentOf(cell, "worker"),
      ...named({ publicUrl: use(api).url }),
    }),
  });
  const secrets = [
    environment.parameterArn,
    `arn:${Aws.PARTITION}:ssm:${Aws.REGION}:${Aws.ACCOUNT_ID}:parameter/sst/strongroom/${stage.name}/Secret/${firebaseSecret}/value`,
  ];
  associate("external-secrets", [
    new PolicyStatement({ actions: ["ssm:GetParameter", "ssm:GetParameters"], resources: secrets }),
  ]);
}

/** `sst secrets set` writes it; External Secrets hands it to the notifier's pod alone. */
export const firebaseSecret = "FIREBASE_SERVICE_ACCOUNT";
