import { CreateKeyCommand, type CreateKeyCommandInput, KMSClient } from "@aws-sdk/client-kms";
import { CreateBucketCommand, PutBucketVersioningCommand } from "@aws-sdk/client-s3";
import { CreateQueueCommand, SQSClient } from "@aws-sdk/client-sqs";
import { createS3Client } from "./object-client.ts";

/** Deliveries after which a message is a dead letter here; the stacks allow more. */
const maxReceives = 3;

/** What the stacks make on AWS, made on servers that stand in for it; the SDK finds them by the environment, as processes do. */
export async function makeServices(): Promise<Record<string, string>> {
  const parts = await Promise.all([makeBuckets(), makeQueues(), makeKeys()]);
  return Object.assign({}, ...parts) as Record<string, string>;
}

async function makeBuckets() {
  const client = createS3Client({ forcePathStyle: true });
  const make = async (Bucket: string) => {
    await client.send(new CreateBucketCommand({ Bucket }));
    const VersioningConfiguration = { Status: "Enabled" } as const;
    await client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
    return Bucket;
  };
  const [staging, vault] = await Promise.all([make("strongroom-staging"), make("strongroom-vault")]);
  client.destroy();
  return { STRONGROOM_STAGING_BUCKET: staging, STRONGROOM_VAULT_BUCKET: vault };
}

async function makeQueues() {
  const client = new SQSClient();
  const create = async (QueueName: string, Attributes: Record<string, string> = {}) =>
    (await client.send(new CreateQueueCommand({ QueueName, Attributes }))).QueueUrl!;
  const make = async (name: string) => {
    const dead = await create(`${name}-dead`);
    const policy = {
      deadLetterTargetArn: `arn:aws:sqs:elasticmq:000000000000:${name}-dead`,
      maxReceiveCount: maxReceives,
    };
    const variable = `STRONGROOM_QUEUE_${name.toUpperCase()}`;
    const url = await create(name, { RedrivePolicy: JSON.stringify(policy) });
    return { [`${variable}_URL`]: url, [`${variable}_DEAD_URL`]: dead };
  };
  const made = await Promise.all(["ingest", "documents", "late"].map(make));
  client.destroy();
  return Object.assign({}, ...made) as Record<string, string>;
}

async function makeKeys() {
  const client = new KMSClient();
  const make = async (options: CreateKeyCommandInput) =>
    (await client.send(new CreateKeyCommand(options))).KeyMetadata!.Arn!;
  const signing = { KeySpec: "ECC_NIST_P256", KeyUsage: "SIGN_VERIFY" } as const;
  const [data, receipt] = await Promise.all([make({}), make(signing)]);
  client.destroy();
  return { STRONGROOM_DATA_KEY_ARN: data, STRONGROOM_RECEIPT_KEY_ARN: receipt };
}
