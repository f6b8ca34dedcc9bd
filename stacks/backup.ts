import {
  BackupPlan,
  BackupPlanRule,
  BackupResource,
  BackupSelection,
  BackupVault,
} from "aws-cdk-lib/aws-backup";
import { Schedule } from "aws-cdk-lib/aws-events";
import { ManagedPolicy, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { Key } from "aws-cdk-lib/aws-kms";
import { Aws, Duration, RemovalPolicy } from "aws-cdk-lib/core";
import type { Construct } from "constructs";
import { type StackContext, use } from "sst/constructs";
import { backupDays } from "./backup-days.ts";
import { database } from "./database.ts";
import { keys } from "./keys.ts";
import { backupCopyName } from "./recovery.ts";
import { currentSite, currentStage } from "./settings.ts";
import { vaultLock } from "./vault-lock.ts";

/**
 * The database, every day and every month, copied to another region, in a vault that production cannot empty before its
 * time. The longest one decides on which day an erased document is gone from backups as well (backup-days.ts). The sealed
 * objects are not in it: versions and the copy stand for them (docs/decisions/0015-no-backup-of-the-vault.md). A stage that
 * protects nothing has Aurora's own days only: AWS deletes no vault that holds a backup, so the stage could not be removed.
 */
export function backup({ stack }: StackContext) {
  const stage = currentStage(stack);
  if (!stage.protects) return { plan: null };
  const { recoveryRegion } = currentSite();
  const vault = new BackupVault(stack, "Backups", {
    backupVaultName: `strongroom-${stage.name}`,
    encryptionKey: Key.fromKeyArn(stack, "Rest", use(keys).restKeyArn),
    removalPolicy: RemovalPolicy.RETAIN,
    lockConfiguration: vaultLock,
  });
  const copy =
    stage.replicates && recoveryRegion !== null
      ? BackupVault.fromBackupVaultArn(
          stack,
          "Copy",
          `arn:${Aws.PARTITION}:backup:${recoveryRegion}:${Aws.ACCOUNT_ID}:backup-vault:${backupCopyName(stage.name)}`,
        )
      : null;
  const copies = (days: number) =>
    copy ? { copyActions: [{ destinationBackupVault: copy, deleteAfter: Duration.days(days) }] } : {};
  const plan = new BackupPlan(stack, "Plan", { backupVault: vault });
  plan.addRule(
    new BackupPlanRule({
      ruleName: "daily",
      scheduleExpression: Schedule.cron({ hour: "3", minute: "0" }),
      deleteAfter: Duration.days(backupDays.daily),
      ...copies(backupDays.daily),
    }),
  );
  plan.addRule(
    new BackupPlanRule({
      ruleName: "monthly",
      scheduleExpression: Schedule.cron({ day: "1", hour: "4", minute: "0" }),
      deleteAfter: Duration.days(backupDays.monthly),
      ...copies(backupDays.monthly),
    }),
  );
  new BackupSelection(stack, "Selection", {
    backupPlan: plan,
    role: backupRole(stack),
    disableDefaultBackupPolicy: true,
    resources: [BackupResource.fromArn(use(database)!.clusterArn)],
  });
  return { plan };
}

const backupRole = (scope: Construct): Role =>
  new Role(scope, "Role", {
    assumedBy: new ServicePrincipal("backup.amazonaws.com"),
    managedPolicies: [
      "service-role/AWSBackupServiceRolePolicyForBackup",
      "service-role/AWSBackupServiceRolePolicyForRestores",
    ].map((name) => ManagedPolicy.fromAwsManagedPolicyName(name)),
  });
