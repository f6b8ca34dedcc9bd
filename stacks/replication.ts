import { PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { type Bucket, type CfnBucket } from "aws-cdk-lib/aws-s3";
import { Aws } from "aws-cdk-lib/core";
import type { Construct } from "constructs";
import { currentSite, currentStage } from "./settings.ts";

/** Names known in advance: the copies are made by a deploy of their own (see recovery.ts), because a run has one region. */
export const replicaName = (stage: string, part: string): string =>
  `strongroom-${stage}-${part}-copy-${Aws.ACCOUNT_ID}`;

/**
 * Copies everything that is written, and deletions of current versions, to the recovery region within 15 minutes. The
 * vault's copy is read when a region is lost, if ever, so it lies in Glacier Instant Retrieval from the start; that of staging
 * lives for a month, and an object there is billed 90 days at least.
 */
export function replicate(scope: Construct, buckets: Record<string, Bucket>): void {
  if (currentSite().recoveryRegion === null) return;
  const role = new Role(scope, "Replication", { assumedBy: new ServicePrincipal("s3.amazonaws.com") });
  for (const [part, bucket] of Object.entries(buckets)) {
    const copyArn = `arn:${Aws.PARTITION}:s3:::${replicaName(currentStage(scope).name, part)}`;
    role.addToPolicy(
      new PolicyStatement({
        actions: ["s3:GetReplicationConfiguration", "s3:ListBucket"],
        resources: [bucket.bucketArn],
      }),
    );
    role.addToPolicy(
      new PolicyStatement({
        actions: [
          "s3:GetObjectVersionForReplication",
          "s3:GetObjectVersionAcl",
          "s3:GetObjectVersionTagging",
          "s3:GetObjectRetention",
          "s3:GetObjectLegalHold",
        ],
        resources: [bucket.arnForObjects("*")],
      }),
    );
    role.addToPolicy(
      new PolicyStatement({
        actions: ["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"],
        resources: [`${copyArn}/*`],
      }),
    );
    (bucket.node.defaultChild as CfnBucket).replicationConfiguration = {
      role: role.roleArn,
      rules: [
        {
          id: "copy",
          status: "Enabled",
          priority: 1,
          filter: { prefix: "" },
          deleteMarkerReplication: { status: "Enabled" },
          destination: {
            bucket: copyArn,
            ...(part === "vault" && { storageClass: "GLACIER_IR" }),
            replicationTime: { status: "Enabled", time: { minutes: 15 } },
            metrics: { status: "Enabled", eventThreshold: { minutes: 15 } },
          },
        },
      ],
    };
  }
}
