import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import type { Message as SqsMessage, SQSClientConfig } from "@aws-sdk/client-sqs";
import type { Message, Queue, QueueName } from "../ports/queue.ts";

/** Quotas of SQS; a body is held to 256 KiB, as the embedded queue holds it. */
const limits = {
  messages: 10,
  waitMs: 20_000,
  delayMs: 900_000,
  visibilityMs: 43_200_000,
  bodyBytes: 262_144,
};
/** Milliseconds, of each of three tries. A poll is silent for 20 s; left to itself the SDK would wait for fifteen minutes. */
const patience = { connectionTimeout: 3_000, socketTimeout: 30_000 } as const;
/** Names under which SQS says that a loan is over or a message gone. */
const loanIsOver = new Set(["ReceiptHandleIsInvalid", "MessageNotInflight", "MessageNotInflightException"]);

/** Where a queue and its dead letters are; the redrive policy between the two is the queue's own. */
export type SqsQueueAddress = { url: string; deadLetterUrl: string };
export type SqsQueueOptions = {
  client?: SQSClientConfig;
  queues: Record<QueueName, SqsQueueAddress>;
};

/**
 * The queue in SQS. Times are rounded up to whole seconds, the only ones that SQS knows. An aborted receive answers at
 * once; its poll runs on to its end, and what it still brings is given back, so that no message waits for its visibility
 * to run out. `close` waits for such polls (20 s at most).
 */
export function createSqsQueue({
  client: options,
  queues,
}: SqsQueueOptions): Queue & { close(): Promise<void> } {
  const client = new SQSClient({ requestHandler: patience, ...options });
  const polls = new Set<Promise<void>>();
  return {
    async send(queue, body, { delayMs = 0, attributes = {} } = {}) {
      within("delayMs", delayMs, 0, limits.delayMs);
      within("the size of the body", Buffer.byteLength(body), 1, limits.bodyBytes);
      const QueueUrl = queues[queue].url;
      const MessageAttributes = written(attributes);
      await client.send(
        new SendMessageCommand({
          QueueUrl,
          MessageBody: body,
          DelaySeconds: seconds(delayMs),
          MessageAttributes,
        }),
      );
    },
    async receive(queue, { max, waitMs, visibilityMs, signal }) {
      if (signal?.aborted) return [];
      const { url } = queues[queue];
      const polling = poll(client, url, { max, visibilityMs, waitMs: Math.min(waitMs, limits.waitMs) });
      if (!signal) return polling;
      return (await unlessAborted(polling, signal)) ?? leave(client, url, polling, polls);
    },
    async extend(queue, receipt, visibilityMs) {
      await changeVisibility(client, queues[queue].url, receipt, visibilityMs);
    },
    async acknowledge(queue, receipt) {
      await deleteMessage(client, queues[queue].url, receipt);
    },
    async release(queue, receipt, delayMs) {
      await changeVisibility(client, queues[queue].url, receipt, delayMs);
    },
    receiveDead: (queue, wish) => poll(client, queues[queue].deadLetterUrl, { ...wish, waitMs: 0 }),
    async acknowledgeDead(queue, receipt) {
      await deleteMessage(client, queues[queue].deadLetterUrl, receipt);
    },
    async depth(queue) {
      const { url, deadLetterUrl } = queues[queue];
      const [live, dead] = await Promise.all([count(client, url), count(client, deadLetterUrl)]);
      return { ...live, dead: dead.waiting + dead.inFlight, oldestWaitingMs: null };
    },
    async close() {
      await Promise.all(polls);
      client.destroy();
    },
  };
}

type Wish = { max: number; waitMs: number; visibilityMs: number };

async function poll(client: SQSClient, url: string, { max, waitMs, visibilityMs }: Wish): Promise<Message[]> {
  within("max", max, 1, limits.messages);
  within("visibilityMs", visibilityMs, 0, limits.visibilityMs);
  const request = new ReceiveMessageCommand({
    QueueUrl: url,
    MaxNumberOfMessages: max,
    WaitTimeSeconds: seconds(waitMs),
    VisibilityTimeout: seconds(visibilityMs),
    MessageSystemAttributeNames: ["ApproximateReceiveCount"],
    MessageAttributeNames: ["All"],
  });
  const { Messages = [] } = await client.send(request);
  return Messages.map(read);
}

/** What a poll answers, or null when the signal was quicker. */
async function unlessAborted(polling: Promise<Message[]>, signal: AbortSignal): Promise<Message[] | null> {
  const { promise: aborted, resolve } = Promise.withResolvers<null>();
  const onAbort = () => resolve(null);
  signal.addEventListener("abort", onAbort);
  try {
    return await Promise.race([polling, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Lets a poll that nobody waits for any more come to its end and gives back what it brings. */
function leave(
  client: SQSClient,
  url: string,
  polling: Promise<Message[]>,
  polls: Set<Promise<void>>,
): Message[] {
  const giveBack = (messages: Message[]) =>
    Promise.all(messages.map(({ receipt }) => changeVisibility(client, url, receipt, 0)));
  const left = polling
    .then(giveBack)
    .catch(() => {}) // what could not be given back becomes visible by itself
    .then(() => void polls.delete(left));
  polls.add(left);
  return [];
}

async function changeVisibility(
  client: SQSClient,
  url: string,
  receipt: string,
  delayMs: number,
): Promise<void> {
  within("the time of a loan", delayMs, 0, limits.visibilityMs);
  await unlessOver(
    client.send(
      new ChangeMessageVisibilityCommand({
        QueueUrl: url,
        ReceiptHandle: receipt,
        VisibilityTimeout: seconds(delayMs),
      }),
    ),
  );
}

async function deleteMessage(client: SQSClient, url: string, receipt: string): Promise<void> {
  await unlessOver(client.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle: receipt })));
}

async function unlessOver(acting: Promise<unknown>): Promise<void> {
  try {
    await acting;
  } catch (error) {
    const { name, message } = error as Error;
    const says = name.startsWith("InvalidParameterValue") && /ReceiptHandle|does not exist/.test(message);
    if (!loanIsOver.has(name) && !says) throw error;
  }
}

async function count(client: SQSClient, url: string): Promise<{ waiting: number; inFlight: number }> {
  const { Attributes = {} } = await client.send(
    new GetQueueAttributesCommand({
      QueueUrl: url,
      AttributeNames: [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesDelayed",
        "ApproximateNumberOfMessagesNotVisible",
      ],
    }),
  );
  const of = (name: "" | "Delayed" | "NotVisible") =>
    Number(Attributes[`ApproximateNumberOfMessages${name}`] ?? 0);
  return { waiting: of("") + of("Delayed"), inFlight: of("NotVisible") };
}

const written = (attributes: Record<string, string>) =>
  Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [name, { DataType: "String", StringValue: value }]),
  );

const read = (message: SqsMessage): Message => ({
  id: message.MessageId ?? "",
  receipt: message.ReceiptHandle ?? "",
  body: message.Body ?? "",
  receiveCount: Number(message.Attributes?.ApproximateReceiveCount ?? 1),
  attributes: Object.fromEntries(
    Object.entries(message.MessageAttributes ?? {}).map(([name, { StringValue }]) => [
      name,
      StringValue ?? "",
    ]),
  ),
});

const seconds = (ms: number): number => Math.ceil(ms / 1_000);

function within(name: string, value: number, least: number, most: number): void {
  if (!(value >= least && value <= most))
    throw new RangeError(`${name} is ${value}, but must be ${least} to ${most}`);
}
