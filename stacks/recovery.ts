import { BackupVault } from "aws-cdk-lib/aws-backup";
import { BlockPublicAccess, Bucket, BucketEncryption } from "aws-cdk-lib/aws-s3";
import { Duration, RemovalPolicy } from "aws-cdk-lib/core";
import type { StackContext } from "sst/constructs";
import { replicaName } from "./replication.ts";
import { recoveryEnding } from "./settings.ts";
import { stageOf } from "./stage.ts";
import { vaultLock } from "./vault-lock.ts";

/** Whether a stage is the far half of another: `production-recovery`, deployed to the recovery region before `production`. */
export const isRecovery = (stage: string): boolean => stage.endsWith(recoveryEnding);

/** Where copies of buckets and backups of a stage arrive, in another region, under names that the stage knows in advance. */
export function recovery({ stack }: StackContext) {
  const stage = stageOf(stack.stage.slice(0, -recoveryEnding.length));
  const removalPolicy = stage.protects ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;
  const common = {
    encryption: BucketEncryption.S3_MANAGED,
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    enforceSSL: true,
    minimumTLSVersion: 1.2,
    versioned: true,
    removalPolicy,
  };
  const logs = new Bucket(stack, "AccessLogs", {
    ...common,
    lifecycleRules: [
      { expiration: Duration.days(stage.logDays), noncurrentVersionExpiration: Duration.days(1) },
      { expiredObjectDeleteMarker: true },
    ],
  });
  for (const part of ["staging", "vault"]) {
    new Bucket(stack, `${part}-copy`, {
      ...common,
      bucketName: replicaName(stage.name, part),
      objectLockEnabled: part === "vault" && stage.hasObjectLock,
      serverAccessLogsBucket: logs,
      lifecycleRules: [
        { expiration: Duration.days(35), enabled: part === "staging" },
        { noncurrentVersionExpiration: Duration.days(30) },
      ],
    });
  }
  if (stage.protects)
    new BackupVault(stack, "Backups", {
      backupVaultName: backupCopyName(stage.name),
      lockConfiguration: vaultLock,
      removalPolicy,
    });
}

/** Name of the vault that takes copies of backups. */
export const backupCopyName = (stage: string): string => `strongroom-${stage}-copy`;
