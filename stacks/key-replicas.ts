import { PolicyStatement, type PolicyDocument } from "aws-cdk-lib/aws-iam";
import type { Key } from "aws-cdk-lib/aws-kms";
import { Aws, Duration, RemovalPolicy, Stack } from "aws-cdk-lib/core";
import { AwsCustomResource, AwsCustomResourcePolicy, PhysicalResourceId } from "aws-cdk-lib/custom-resources";
import type { Construct } from "constructs";
import { currentSite, currentStage } from "./settings.ts";

type Replica = { key: Key; description: string; policy: PolicyDocument };

/**
 * The replica of a multi-Region key in the recovery region, under the same id. Not by CloudFormation's own type, which only a
 * stack of that region can make: that one is deployed before this key exists. It outlives the stack wherever the key does.
 */
export function replicateKey(scope: Construct, id: string, { key, description, policy }: Replica): void {
  const stage = currentStage(scope);
  const region = currentSite().recoveryRegion;
  if (!stage.replicates || region === null) return;
  const Policy = Stack.of(scope).toJsonString(policy);
  const tags = { app: "strongroom", stage: stage.name, cell: "shared" };
  // Another region gets a resource, and so a replica, of its own.
  new AwsCustomResource(scope, `${id}-${region}`, {
    resourceType: "Custom::KeyReplica",
    installLatestAwsSdk: false,
    timeout: Duration.minutes(2),
    removalPolicy: stage.protects ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    onCreate: {
      service: "@aws-sdk/client-kms",
      action: "ReplicateKeyCommand",
      parameters: {
        KeyId: key.keyId,
        ReplicaRegion: region,
        Description: description,
        Policy,
        Tags: Object.entries(tags).map(([TagKey, TagValue]) => ({ TagKey, TagValue })),
      },
      physicalResourceId: PhysicalResourceId.of(`${stage.name}-${id}-${region}`),
      ignoreErrorCodesMatching: "AlreadyExistsException", // a try that was cut off had made it
    },
    // KMS keeps material, not policies alike.
    onUpdate: {
      service: "@aws-sdk/client-kms",
      action: "PutKeyPolicyCommand",
      region,
      parameters: { KeyId: key.keyId, Policy },
    },
    ...(!stage.protects && {
      onDelete: {
        service: "@aws-sdk/client-kms",
        action: "ScheduleKeyDeletionCommand",
        region,
        parameters: { KeyId: key.keyId, PendingWindowInDays: 7 },
        ignoreErrorCodesMatching: "NotFoundException|KMSInvalidStateException", // gone, or going
      },
    }),
    policy: AwsCustomResourcePolicy.fromStatements(statements(key, region, stage.protects)),
  });
}

/** As much as the calls above take. A key that is not made yet has no ARN: regions bound its making, asked for here and done there. */
const statements = (key: Key, region: string, isKept: boolean): PolicyStatement[] => [
  new PolicyStatement({
    actions: ["kms:ReplicateKey"],
    resources: [key.keyArn],
    conditions: { StringEquals: { "kms:ReplicaRegion": region } },
  }),
  new PolicyStatement({
    actions: ["kms:CreateKey", "kms:TagResource"],
    resources: ["*"],
    conditions: { StringEquals: { "aws:RequestedRegion": [Aws.REGION, region] } },
  }),
  new PolicyStatement({
    actions: ["kms:PutKeyPolicy", ...(isKept ? [] : ["kms:ScheduleKeyDeletion"])],
    resources: [`arn:${Aws.PARTITION}:kms:${region}:${Aws.ACCOUNT_ID}:key/${key.keyId}`],
  }),
];
