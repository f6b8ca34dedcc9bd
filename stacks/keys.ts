import {
  Effect,
  PolicyDocument,
  PolicyStatement,
  AccountRootPrincipal,
  ServicePrincipal,
  AnyPrincipal,
  type IPrincipal,
} from "aws-cdk-lib/aws-iam";
import { Key, KeySpec, KeyUsage } from "aws-cdk-lib/aws-kms";
import { Aws, Duration, RemovalPolicy } from "aws-cdk-lib/core";
import type { StackContext } from "sst/constructs";
import { replicateKey } from "./key-replicas.ts";
import { openerRoles } from "./roles.ts";
import { randomHex } from "./secrets.ts";
import { currentSite, currentStage } from "./settings.ts";

/** What the account may delegate by IAM: written out, because a wildcard would hand out the next action that AWS invents. */
const administration = [
  "kms:CreateAlias",
  "kms:DeleteAlias",
  "kms:UpdateAlias",
  "kms:DescribeKey",
  "kms:GetKeyPolicy",
  "kms:PutKeyPolicy",
  "kms:GetKeyRotationStatus",
  "kms:EnableKeyRotation",
  "kms:DisableKeyRotation",
  "kms:ListResourceTags",
  "kms:TagResource",
  "kms:UntagResource",
  "kms:UpdateKeyDescription",
  "kms:EnableKey",
  "kms:DisableKey",
  "kms:ScheduleKeyDeletion",
  "kms:CancelKeyDeletion",
  "kms:ReplicateKey",
  "kms:UpdatePrimaryRegion",
  "kms:ListGrants",
  "kms:RevokeGrant",
];
/**
 * CloudFront sends the first, functions take all. To replace it without a refused request (docs/deploy.md): put a new name
 * last and deploy, move it to the front and deploy, drop the old one and deploy.
 */
const originSecretIds = ["OriginSecret"];
const descriptions = {
  data: "Wraps the data key of every document attempt",
  receipts: "Signs receipts and audit checkpoints (ES256)",
};
const sealing = ["kms:GenerateDataKey", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo"];
const signing = ["kms:Sign", "kms:GetPublicKey"];
const resting = [
  "kms:Encrypt",
  "kms:Decrypt",
  "kms:GenerateDataKey",
  "kms:GenerateDataKeyWithoutPlaintext",
  "kms:ReEncryptFrom",
  "kms:ReEncryptTo",
  "kms:CreateGrant",
];

/**
 * Three keys and two secrets: `data` wraps the data key of every document, `receipts` signs, `rest` is for what AWS encrypts on its disks.
 * The first two are multi-Region from the first day, because that cannot be changed later, and have replicas where copies are:
 * without them no copy could be opened after the loss of a region. Others get the keys by ARN, so
 * that no stack of theirs ends up in a key policy here.
 */
export function keys({ stack }: StackContext) {
  const stage = currentStage(stack);
  const common = {
    removalPolicy: stage.protects ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    pendingWindow: Duration.days(stage.protects ? 30 : 7),
  };
  const data = new Key(stack, "DataKey", {
    ...common,
    alias: `strongroom/${stage.name}/data`,
    description: descriptions.data,
    multiRegion: true,
    enableKeyRotation: true,
    policy: dataPolicy(openerRoles(stack)),
  });
  const receipts = new Key(stack, "ReceiptKey", {
    ...common,
    alias: `strongroom/${stage.name}/receipts`,
    description: descriptions.receipts,
    multiRegion: true,
    keySpec: KeySpec.ECC_NIST_P256,
    keyUsage: KeyUsage.SIGN_VERIFY,
    policy: receiptPolicy(),
  });
  // Who opens there is known by the names that a stage would have there; the roles of this one outlive its region.
  const openers = [...openerRoles(stack), ...openerRoles(stack, currentSite().recoveryRegion ?? undefined)];
  replicateKey(stack, "DataReplica", {
    key: data,
    description: descriptions.data,
    policy: dataPolicy(openers),
  });
  replicateKey(stack, "ReceiptReplica", {
    key: receipts,
    description: descriptions.receipts,
    policy: receiptPolicy(),
  });
  const rest = new Key(stack, "RestKey", {
    ...common,
    alias: `strongroom/${stage.name}/rest`,
    description: "Encrypts what AWS keeps for us: database, stream, logs, secrets, backups",
    enableKeyRotation: true,
    policy: new PolicyDocument({
      statements: [allow([...administration, ...resting]), ...services(stack.region)],
    }),
  });
  const keyArn = rest.keyArn;
  return {
    dataKeyArn: data.keyArn,
    receiptKeyArn: receipts.keyArn,
    restKeyArn: keyArn,
    /** Tickets live 60 seconds, so a new key breaks nothing. */
    ticketKey: randomHex(stack, "TicketKey", { description: "Signs tickets to read one artefact", keyArn }),
    originSecrets: originSecretIds.map((id) =>
      randomHex(stack, id, {
        description: "CloudFront's pass to API and reader, so that nobody walks around it",
        keyArn,
      }),
    ),
  };
}

const allow = (actions: string[], principal: IPrincipal = new AccountRootPrincipal()) =>
  new PolicyStatement({ actions, principals: [principal], resources: ["*"] });

const dataPolicy = (openers: string[]) =>
  new PolicyDocument({ statements: [allow([...administration, ...sealing]), denyOpening(openers)] });
const receiptPolicy = () => new PolicyDocument({ statements: [allow([...administration, ...signing])] });

/** Whatever IAM may say one day: only readers and openers, by the names of their roles, open what is stored. */
const denyOpening = (openers: string[]) =>
  new PolicyStatement({
    effect: Effect.DENY,
    actions: ["kms:Decrypt", "kms:ReEncryptFrom"],
    principals: [new AnyPrincipal()],
    resources: ["*"],
    conditions: {
      ArnNotLike: {
        "aws:PrincipalArn": openers.map((name) => `arn:${Aws.PARTITION}:iam::${Aws.ACCOUNT_ID}:role/${name}`),
      },
    },
  });

/** Logs, alarms and events write to encrypted groups, topics and queues as themselves. */
const services = (region: string) =>
  [
    `logs.${region}.amazonaws.com`,
    "cloudwatch.amazonaws.com",
    "events.amazonaws.com",
    "budgets.amazonaws.com",
  ].map(
    (service) =>
      new PolicyStatement({
        actions: [
          "kms:Encrypt",
          "kms:Decrypt",
          "kms:GenerateDataKey",
          "kms:ReEncryptFrom",
          "kms:ReEncryptTo",
          "kms:DescribeKey",
        ],
        principals: [new ServicePrincipal(service)],
        resources: ["*"],
      }),
  );
