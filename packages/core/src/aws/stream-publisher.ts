import { findErrorBy, murmur2, Producer } from "@platformatic/kafka";
import type { StreamRecord, Topic } from "../ports/stream.ts";
import type { KafkaConnection } from "./stream-connection.ts";
import { clientOptions } from "./stream-connection.ts";

/** Longest record, with key and headers: what a broker takes as it is shipped (1,048,588 bytes per batch), less overhead. */
const recordBytes = 1_000_000;
/** Records sent in one request to one partition. */
const batchBytes = 512 * 1_024;
/** What a broker says of a record that it will never take, and not of the network or of itself. */
const refusals = ["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE", "INVALID_RECORD", "INVALID_TIMESTAMP"];

type Outcome = { acknowledged: boolean; error?: Error };
type Pending = { record: StreamRecord; outcome: Outcome };
type TextProducer = Producer<string, string, string, string>;
export type Publisher = {
  publish(topic: Topic, records: StreamRecord[]): Promise<Outcome[]>;
  close(): Promise<void>;
};

/** Publishes with an idempotent producer, acks=all; partitions by murmur2 of the key, as every client of Kafka does. */
export function createPublisher(connection: KafkaConnection): Publisher {
  const producer: TextProducer = new Producer({
    ...clientOptions(connection, "producer"),
    idempotent: true,
    strict: true,
    autocreateTopics: false,
    serializers: { key: bytes, value: bytes, headerKey: bytes, headerValue: bytes },
  });
  return {
    async publish(topic, records) {
      if (records.length === 0) return [];
      const name = `${connection.prefix}${topic}`;
      const all = records.map((record): Pending => ({ record, outcome: { acknowledged: false } }));
      try {
        const { topics } = await producer.metadata({ topics: [name] });
        const partitions = topics.get(name)!.partitionsCount;
        const parts = Map.groupBy(all, ({ record }) => partitionOf(record.key, partitions));
        await Promise.all(
          [...parts].map(([partition, some]) => append(producer, { topic: name, partition }, some)),
        );
      } catch (error) {
        for (const { outcome } of all) if (!outcome.acknowledged) outcome.error ??= error as Error;
      }
      return all.map(({ outcome }) => outcome);
    },
    close: () => producer.close(true),
  };
}

/** The partition of a key, the same in every client. */
function partitionOf(key: string, partitions: number): number {
  return (murmur2(Buffer.from(key)) & 0x7fffffff) % partitions;
}

type Place = { topic: string; partition: number };

/** Appends to one partition in order; one request at a time, so that a fault can be laid to its records. */
async function append(producer: TextProducer, place: Place, pending: Pending[]): Promise<void> {
  const stopped = new Map<string, Error>();
  for (const batch of batchesOf(pending)) {
    const fault = await send(producer, place, batch, stopped);
    if (fault === null) continue;
    for (const { record } of pending) if (!stopped.has(record.key)) stopped.set(record.key, fault);
    break; // the partition cannot be reached now: what is left waits for the next round
  }
  for (const { record, outcome } of pending) {
    if (!outcome.acknowledged) outcome.error = stopped.get(record.key) ?? new Error("not appended");
  }
}

/** Sends a batch; one that the broker refuses is sent record by record. Answers a fault that is not the records'. */
async function send(
  producer: TextProducer,
  { topic, partition }: Place,
  batch: Pending[],
  stopped: Map<string, Error>,
): Promise<Error | null> {
  const ready = batch.filter(({ record }) => !stopped.has(record.key));
  if (ready.length === 0) return null;
  try {
    if (sizeOf(ready[0]!.record) > recordBytes)
      throw new TooLong(`a record has at most ${recordBytes} bytes`);
    await producer.send({ messages: ready.map(({ record }) => ({ topic, partition, ...record })) });
    for (const { outcome } of ready) outcome.acknowledged = true;
    return null;
  } catch (error) {
    if (!isRefusal(error as Error)) return error as Error;
    if (ready.length === 1) {
      stopped.set(ready[0]!.record.key, error as Error);
      return null;
    }
  }
  for (const one of ready) {
    const fault = await send(producer, { topic, partition }, [one], stopped);
    if (fault !== null) return fault;
  }
  return null;
}

class TooLong extends RangeError {}

const isRefusal = (error: Error): boolean =>
  error instanceof TooLong || refusals.some((name) => findErrorBy(error, "apiId", name));

/** Consecutive records; one that is too long for any batch has one to itself. */
function batchesOf(pending: Pending[]): Pending[][] {
  const batches: Pending[][] = [];
  let room = 0;
  for (const one of pending) {
    const size = sizeOf(one.record);
    if (batches.length === 0 || size > room) {
      batches.push([]);
      room = batchBytes;
    }
    batches.at(-1)!.push(one);
    room -= size;
  }
  return batches;
}

function sizeOf({ key, value, headers }: StreamRecord): number {
  const parts = [key, value, ...Object.entries(headers).flat()];
  return parts.reduce((size, part) => size + Buffer.byteLength(part), 0);
}

const bytes = (text: string | undefined): Buffer | undefined =>
  text === undefined ? undefined : Buffer.from(text);
