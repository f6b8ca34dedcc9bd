import * as access from "./access-rules.ts";
import { alarmPlants } from "./alarm-plants.ts";
import * as buckets from "./bucket-rules.ts";
import { dataPlants } from "./data-plants.ts";
import { functionPlants } from "./function-plants.ts";
import type { Rule } from "./find.ts";
import { allowing, type Plant, props } from "./plant.ts";
import * as rules from "./rules.ts";
import type { Schemas } from "./schema.ts";
import { account } from "./synthesize.ts";

/** Nothing but what CloudFormation's schemas describe. */
export const fitsSchemas =
  (schemas: Schemas): Rule =>
  ({ templates }) =>
    Object.entries(templates).flatMap(([stack, template]) =>
      schemas.check(template).map((what) => `${stack}: ${what}`),
    );

/** Each breaks one resource of a healthy stage in one way. */
export const plants: Plant[] = [
  [
    "a bucket that lets the public in",
    () => buckets.noPublicBucket,
    "AWS::S3::Bucket",
    /^Vault/,
    (one) => (props(one)["PublicAccessBlockConfiguration"]["BlockPublicAcls"] = false),
  ],
  [
    "a bucket policy for anybody",
    () => buckets.noPublicBucket,
    "AWS::S3::BucketPolicy",
    /^Vault/,
    allowing({
      Principal: "*",
      Action: "s3:GetObject",
      Resource: "*",
    }),
  ],
  [
    "a bucket without its TLS rule",
    () => buckets.bucketsOverTlsOnly,
    "AWS::S3::BucketPolicy",
    /^Staging/,
    (one) => props(one)["PolicyDocument"]["Statement"].shift(),
  ],
  [
    "a vault whose tombstones can be removed",
    () => buckets.proofsStay,
    "AWS::S3::BucketPolicy",
    /^Vault/,
    (one) => props(one)["PolicyDocument"]["Statement"].pop(),
  ],
  [
    "a vault whose checkpoints can be removed",
    () => buckets.proofsStay,
    "AWS::S3::BucketPolicy",
    /^Vault/,
    (one) => props(one)["PolicyDocument"]["Statement"].at(-1).Resource.pop(),
  ],
  [
    "staging that takes bodies in chunks",
    () => buckets.writesAreClosed,
    "AWS::S3::BucketPolicy",
    /^Staging/,
    (one) =>
      (props(one)["PolicyDocument"]["Statement"] = props(one)["PolicyDocument"]["Statement"].filter(
        ({ Sid }: { Sid?: string }) => Sid !== "DenyUnsignedLength",
      )),
  ],
  [
    "a vault that locks by default",
    () => buckets.noDefaultLock,
    "AWS::S3::Bucket",
    /^Vault/,
    (one) =>
      (props(one)["ObjectLockConfiguration"] = {
        Rule: { DefaultRetention: { Days: 1, Mode: "COMPLIANCE" } },
      }),
  ],
  [
    "a vault that keeps what was deleted",
    () => buckets.oldVersionsGo,
    "AWS::S3::Bucket",
    /^Vault/,
    (one) => delete props(one)["LifecycleConfiguration"],
  ],
  [
    "a queue without dead letters",
    () => rules.everyQueueHasDeadLetters,
    "AWS::SQS::Queue",
    /^evendocuments(?!dead)/,
    (one) => delete props(one)["RedrivePolicy"],
  ],
  [
    "a route without an authorizer",
    () => rules.routesAreGuarded,
    "AWS::ApiGatewayV2::Route",
    /POST.*documents/,
    (one) => (props(one)["AuthorizationType"] = "NONE"),
  ],
  [
    "a route that is not served",
    () => rules.routesAreGuarded,
    "AWS::ApiGatewayV2::Route",
    /POST.*documents/,
    (one) => (props(one)["RouteKey"] = "POST /v1/other"),
  ],
  [
    "a reader that anybody calls",
    () => rules.readersAreShut,
    "AWS::Lambda::Url",
    /./,
    (one) => (props(one)["AuthType"] = "NONE"),
  ],
  [
    "an entry that shows no secret",
    () => rules.entryShowsItsPass,
    "AWS::CloudFront::Distribution",
    /^Entry/,
    (one) => delete props(one)["DistributionConfig"]["Origins"][0]["OriginCustomHeaders"],
  ],
  [
    "a function that anybody reaches around the entry",
    () => rules.entryShowsItsPass,
    "AWS::Lambda::Function",
    /acceptUpload/,
    (one) => delete props(one)["Environment"]["Variables"]["STRONGROOM_ORIGIN_SECRET"],
  ],
  [
    "a queue that shows a message too soon",
    () => rules.visibilityCoversTimeout,
    "AWS::SQS::Queue",
    /^eveningest(?!dead)/,
    (one) => (props(one)["VisibilityTimeout"] = 179),
  ],
  [
    "a batch that fails whole",
    () => rules.visibilityCoversTimeout,
    "AWS::Lambda::EventSourceMapping",
    /./,
    (one) => delete props(one)["FunctionResponseTypes"],
  ],
  [
    "a wildcard on keys",
    () => access.noWildcardOnData,
    "AWS::IAM::Policy",
    /processor/i,
    allowing({
      Action: ["kms:GenerateDataKey*"],
      Resource: "*",
    }),
  ],
  [
    "a processor that opens",
    () => access.onlyOpenersOpen,
    "AWS::IAM::Policy",
    /processor/i,
    allowing({
      Action: "kms:Decrypt",
      Resource: {
        "Fn::ImportValue": "production-strongroom-keys:ExportsOutputFnGetAttDataKey17AFBB84Arn",
      },
    }),
  ],
  [
    "a key that trusts IAM alone",
    () => access.keyRefusesOthers,
    "AWS::KMS::Key",
    /^DataKey/,
    (one) => props(one)["KeyPolicy"]["Statement"].pop(),
  ],
  [
    "a Karpenter that terminates anything",
    () => access.karpenterIsHeld,
    "AWS::IAM::Policy",
    /Karpenter/,
    allowing({
      Action: "ec2:TerminateInstances",
      Resource: "*",
    }),
  ],
  [
    "a foreign account",
    () => rules.noForeignAccount(account),
    "AWS::IAM::Role",
    /./,
    (one) => (props(one)["Description"] = "arn:aws:iam::123456789012:root"),
  ],
  [
    "data that goes with its stack",
    () => rules.productionRetains,
    "AWS::RDS::DBCluster",
    /./,
    (one) => (one.DeletionPolicy = "Delete"),
  ],
  [
    "a database that may be deleted",
    () => rules.productionRetains,
    "AWS::RDS::DBCluster",
    /./,
    (one) => (props(one)["DeletionProtection"] = false),
  ],
  [
    "a queue nobody pays for",
    (schemas) => rules.untagged((type) => schemas.tagsOf(type)),
    "AWS::SQS::Queue",
    /./,
    (one) => delete props(one)["Tags"],
  ],
  [
    "a tag that tells of a tenant",
    (schemas) => rules.untagged((type) => schemas.tagsOf(type)),
    "AWS::SQS::Queue",
    /./,
    (one) => props(one)["Tags"].push({ Key: "tenant", Value: "acme" }),
  ],
  [
    "a property that does not exist",
    (schemas) => fitsSchemas(schemas),
    "AWS::SQS::Queue",
    /./,
    (one) => (props(one)["VisibilityTimeOut"] = 30),
  ],
  [
    "a property that is missing",
    (schemas) => fitsSchemas(schemas),
    "AWS::Lambda::EventSourceMapping",
    /./,
    (one) => delete props(one)["FunctionName"],
  ],
  [
    "a value outside its enumeration",
    (schemas) => fitsSchemas(schemas),
    "AWS::Lambda::Function",
    /./,
    (one) => (props(one)["TracingConfig"] = { Mode: "Sometimes" }),
  ],
  [
    "a value of another type",
    (schemas) => fitsSchemas(schemas),
    "AWS::SQS::Queue",
    /./,
    (one) => (props(one)["VisibilityTimeout"] = "soon"),
  ],
  [
    "a list where a structure belongs",
    (schemas) => fitsSchemas(schemas),
    "AWS::Lambda::Function",
    /./,
    (one) => (props(one)["TracingConfig"] = []),
  ],
  [
    "a type of resource that does not exist",
    (schemas) => fitsSchemas(schemas),
    "AWS::SQS::Queue",
    /./,
    (one) => (one.Type = "AWS::SQS::Line"),
  ],
  ...dataPlants,
  ...alarmPlants,
  ...functionPlants,
];
