import * as grants from "./grant-rules.ts";
import { allowing, type Plant, props } from "./plant.ts";

/** Each gives one worker of a healthy stage more than it needs. */
export const grantPlants: Plant[] = [
  [
    "a processor that writes a checkpoint first",
    () => grants.onlyRelayWritesCheckpoints,
    "AWS::IAM::Policy",
    /processor/i,
    allowing({
      Action: "s3:PutObject",
      Resource: {
        "Fn::Join": ["", [{ "Fn::ImportValue": "production-strongroom-storage:VaultArn" }, "/v/*"]],
      },
    }),
  ],
  [
    "a processor that writes what it likes anywhere",
    () => grants.onlyRelayWritesCheckpoints,
    "AWS::IAM::Policy",
    /processor/i,
    allowing({
      Action: "s3:PutObject",
      Resource: "*",
    }),
  ],
  [
    "a relay that removes a checkpoint",
    () => grants.onlyRelayWritesCheckpoints,
    "AWS::IAM::Policy",
    /relay/i,
    allowing({
      Action: ["s3:PutObject", "s3:DeleteObjectVersion"],
      Resource: {
        "Fn::Join": [
          "",
          [{ "Fn::ImportValue": "production-strongroom-storage:VaultArn" }, "/v/checkpoints/*"],
        ],
      },
    }),
  ],
  [
    "an opener that locks",
    () => grants.openersOnlyOpen,
    "AWS::IAM::Policy",
    /opener/i,
    allowing({
      Action: "s3:PutObjectRetention",
      Resource: "*",
    }),
  ],
  [
    "an opener that opens what is not ours",
    () => grants.openersOnlyOpen,
    "AWS::IAM::Policy",
    /opener/i,
    allowing({
      Action: "kms:Decrypt",
      Resource: "*",
    }),
  ],
  [
    "a reader that takes a lost document for a refusal",
    () => grants.whoReadsSeesWhatIsMissing,
    "AWS::IAM::Policy",
    /^evenReaderRole/,
    (one) =>
      (props(one)["PolicyDocument"]["Statement"] = props(one)["PolicyDocument"]["Statement"].filter(
        ({ Action }: { Action: unknown }) => Action !== "s3:ListBucket",
      )),
  ],
  [
    "an ingest that sees which uploads are open",
    () => grants.listsAreHeld,
    "AWS::IAM::Policy",
    /^evenIngest/,
    allowing({
      Action: "s3:ListBucketMultipartUploads",
      Resource: { "Fn::ImportValue": "production-strongroom-storage:StagingArn" },
    }),
  ],
  [
    "a sweep whose list of open uploads is held by what holds nothing",
    () => grants.listsAreHeld,
    "AWS::IAM::Policy",
    /^evenSweep/,
    allowing({
      Action: "s3:ListBucketMultipartUploads",
      Resource: { "Fn::ImportValue": "production-strongroom-storage:StagingArn" },
      Condition: { StringLikeIfExists: { "s3:prefix": "s/*" } },
    }),
  ],
  [
    "a sweep that lists open uploads of the vault",
    () => grants.listsAreHeld,
    "AWS::IAM::Policy",
    /^evenSweep/,
    allowing({
      Action: "s3:ListBucketMultipartUploads",
      Resource: { "Fn::ImportValue": "production-strongroom-storage:VaultArn" },
    }),
  ],
  [
    "a sweep that lists whatever it likes",
    () => grants.listsAreHeld,
    "AWS::IAM::Policy",
    /^evenSweep/,
    allowing({
      Action: "s3:ListBucketVersions",
      Resource: { "Fn::ImportValue": "production-strongroom-storage:VaultArn" },
    }),
  ],
];
