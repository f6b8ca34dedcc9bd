import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  HttpMethods,
  ObjectOwnership,
  StorageClass,
} from "aws-cdk-lib/aws-s3";
import { Duration } from "aws-cdk-lib/core";
import type { Construct } from "constructs";
import type { StackContext } from "sst/constructs";
import { closeBucket, keepProofs, refuseChunks } from "./bucket-policy.ts";
import { dataRemoval } from "./retention.ts";
import { replicate } from "./replication.ts";
import { currentDomain, currentStage } from "./settings.ts";

const KiB = 1024;

/**
 * Staging takes uploads: SSE-S3, because a checksum of an object under KMS is only told to whoever may decrypt it. The vault
 * holds sealed objects only, so SSE-S3 there too: the processor reads back what it wrote and may decrypt nothing.
 */
export function storage({ stack }: StackContext) {
  const stage = currentStage(stack);
  const logs = new Bucket(stack, "AccessLogs", {
    encryption: BucketEncryption.S3_MANAGED,
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    objectOwnership: ObjectOwnership.OBJECT_WRITER, // CloudFront writes its logs as another account
    enforceSSL: true,
    minimumTLSVersion: 1.2,
    removalPolicy: dataRemoval(stage),
    lifecycleRules: [{ id: "expire", expiration: Duration.days(stage.logDays) }],
  });
  const common = {
    encryption: BucketEncryption.S3_MANAGED,
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
    enforceSSL: true,
    minimumTLSVersion: 1.2,
    versioned: true,
    removalPolicy: dataRemoval(stage),
    serverAccessLogsBucket: logs,
  };
  const staging = new Bucket(stack, "Staging", {
    ...common,
    serverAccessLogsPrefix: "staging/",
    cors: [uploadCors(stack)],
    lifecycleRules: [
      // The reconciler empties staging; this catches what it cannot, and alarms.ts asks long before.
      { id: "backstop", expiration: Duration.days(35), noncurrentVersionExpiration: Duration.days(1) },
      { id: "unfinished", abortIncompleteMultipartUploadAfter: Duration.days(8) }, // a grant lives 7
      { id: "markers", expiredObjectDeleteMarker: true },
    ],
  });
  const vault = new Bucket(stack, "Vault", {
    ...common,
    serverAccessLogsPrefix: "vault/",
    // No default retention: whoever loses the race for an attempt must stay deletable; the winner is locked by its commit.
    objectLockEnabled: stage.hasObjectLock,
    lifecycleRules: vaultLifecycle,
  });
  for (const bucket of [staging, vault]) closeBucket(bucket);
  refuseChunks(staging);
  if (stage.protects) keepProofs(vault);
  if (stage.replicates) replicate(stack, { staging, vault });
  return { staging, vault, logs };
}

/**
 * Glacier Instant Retrieval: $4 per TB and month in place of $23, for $0.02 per 1,000 moves, 90 days and 128 KiB at least
 * (S3 price list, us-east-1, November 2026). A rendition of 250 KB pays its move back in 4 months and 400 KB in 3; so above
 * 256 KiB, after 90 days in which disputes arise. Deep Archive takes hours to read, which only the domain may decide: it
 * tags what it archived (1 MB pays $0.05 per 1,000 moves back in 18 months).
 */
const vaultLifecycle = [
  {
    id: "instant-retrieval",
    prefix: "v/",
    objectSizeGreaterThan: 256 * KiB,
    transitions: [
      { storageClass: StorageClass.GLACIER_INSTANT_RETRIEVAL, transitionAfter: Duration.days(90) },
    ],
  },
  {
    id: "deep-archive",
    prefix: "v/",
    tagFilters: { archive: "deep" },
    transitions: [{ storageClass: StorageClass.DEEP_ARCHIVE, transitionAfter: Duration.days(1) }],
  },
  { id: "deleted", noncurrentVersionExpiration: Duration.days(30), expiredObjectDeleteMarker: true },
  { id: "unfinished", abortIncompleteMultipartUploadAfter: Duration.days(2) },
];

/** A browser sends these of a signed PUT and wants to see that it arrived whole. */
function uploadCors(scope: Construct) {
  const domain = currentDomain(scope);
  return {
    allowedMethods: [HttpMethods.PUT],
    allowedOrigins: domain ? [`https://${domain.name}`, `https://console.${domain.name}`] : ["*"],
    allowedHeaders: ["content-type", "if-none-match", "x-amz-checksum-sha256", "x-amz-meta-*"],
    exposedHeaders: ["etag", "x-amz-checksum-sha256"],
    maxAge: 3_600,
  };
}
