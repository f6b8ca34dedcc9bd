import { randomUUID } from "node:crypto";
import { CreateQueueCommand, SQSClient } from "@aws-sdk/client-sqs";
import { describeWith } from "@strongroom/local/engines/describe-with";
import { type ElasticmqServer, elasticmqServer } from "@strongroom/local/engines/elasticmq";
import { expect, test } from "vitest";
import { queueContract, queueGuarantees } from "../contract/queue.ts";
import { queueNames } from "../ports/queue.ts";
import type { QueueName } from "../ports/queue.ts";
import { createSqsQueue } from "./queue.ts";
import type { SqsQueueAddress } from "./queue.ts";

const maxReceives = 3;
const timing = { visibilityMs: 1_000, delayMs: 2_000, limitMs: 40_000, tellsAge: false };

describeWith(elasticmqServer, (sqs) => {
  queueContract("SQS", () => openQueue(sqs()), timing);
  queueGuarantees("SQS", () => openQueue(sqs()), timing);

  test("what a poll brings after its receiver was told to stop is given back at once", async () => {
    const { queue, close } = await openQueue(sqs());
    const stop = new AbortController();
    const waiting = queue.receive("documents", {
      max: 10,
      waitMs: 20_000,
      visibilityMs: 60_000,
      signal: stop.signal,
    });
    stop.abort();
    expect(await waiting).toEqual([]);
    await queue.send("documents", "late");
    const [message] = await queue.receive("documents", { max: 1, waitMs: 20_000, visibilityMs: 60_000 });
    expect(message).toMatchObject({ body: "late", receiveCount: 2 });
    await close();
  });

  test("a body of 256 KiB is taken, a longer one is not; nor a delay of more than 15 minutes", async () => {
    const { queue, close } = await openQueue(sqs());
    await queue.send("documents", "x".repeat(262_144));
    await expect(queue.send("documents", "x".repeat(262_145))).rejects.toThrow("262144");
    await queue.send("documents", "later", { delayMs: 900_000 });
    await expect(queue.send("documents", "later", { delayMs: 900_001 })).rejects.toThrow("900000");
    await close();
  });

  test("a fault that is not about the loan is told", async () => {
    const { client, address, close } = await openQueue(sqs());
    const gone = { ...address, url: `${address.url}-gone` };
    const queue = createSqsQueue({ client, queues: { ingest: gone, documents: gone, late: gone } });
    await expect(queue.acknowledge("documents", "any")).rejects.toThrow();
    await expect(queue.extend("documents", "any", 1_000)).rejects.toThrow();
    await queue.close();
    await close();
  });
});

async function openQueue(server: ElasticmqServer) {
  const credentials = { accessKeyId: "any", secretAccessKey: "any" };
  const client = { endpoint: server.url, region: server.region, credentials };
  const admin = new SQSClient(client);
  const prefix = randomUUID();
  const made = queueNames.map(async (name) => [name, await createQueue(admin, `${prefix}-${name}`)] as const);
  const queues = Object.fromEntries(await Promise.all(made)) as Record<QueueName, SqsQueueAddress>;
  admin.destroy();
  const queue = createSqsQueue({ client, queues });
  return { queue, maxReceives, client, address: queues.documents, close: () => queue.close() };
}

async function createQueue(client: SQSClient, name: string): Promise<SqsQueueAddress> {
  const create = async (QueueName: string, Attributes: Record<string, string> = {}) =>
    (await client.send(new CreateQueueCommand({ QueueName, Attributes }))).QueueUrl!;
  const deadLetterUrl = await create(`${name}-dead`);
  const policy = {
    deadLetterTargetArn: `arn:aws:sqs:elasticmq:000000000000:${name}-dead`,
    maxReceiveCount: maxReceives,
  };
  return { url: await create(name, { RedrivePolicy: JSON.stringify(policy) }), deadLetterUrl };
}
