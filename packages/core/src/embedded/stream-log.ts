import { createHash } from "node:crypto";
import type pg from "pg";
import type { ConsumedRecord, StreamRecord, Topic } from "../ports/stream.ts";
import { topics } from "../ports/stream.ts";
import { kept } from "./postgres-session.ts";

/** Limit of a record's key, value and headers together: Kafka's default. */
const recordLimitBytes = 1_048_576;

/** The log, its partitions, and how far each group has come. */
export const streamTables = `
  create table embedded.stream_partition (
    topic text not null,
    partition integer not null,
    next_offset bigint not null default 0,
    primary key (topic, partition)
  ) with (fillfactor = 50);
  create table embedded.stream_record (
    topic text not null,
    partition integer not null,
    record_offset bigint not null,
    key text not null,
    value text not null,
    headers jsonb not null,
    appended_at timestamptz not null,
    primary key (topic, partition, record_offset)
  );
  create table embedded.stream_subscription (
    id integer generated always as identity primary key,
    consumer_group text not null,
    topic text not null,
    unique (consumer_group, topic)
  );
  create table embedded.stream_group_offset (
    subscription integer not null references embedded.stream_subscription,
    partition integer not null,
    committed bigint not null,
    primary key (subscription, partition)
  ) with (fillfactor = 50);`;

/** Makes the partitions of all topics; throws when they were made with another number, which would break orders. */
export async function ensurePartitions(pool: pg.Pool, partitions: number): Promise<void> {
  await pool.query(
    `insert into embedded.stream_partition (topic, partition)
     select topic, partition from unnest($1::text[]) topic, generate_series(0, $2 - 1) partition
     where not exists (select from embedded.stream_partition known where known.topic = topic.topic)
     on conflict do nothing`,
    [topics, partitions],
  );
  const { rows } = await pool.query<{ topic: string; partitions: number }>(
    "select topic, count(*)::int as partitions from embedded.stream_partition group by topic",
  );
  const other = rows.find((row) => row.partitions !== partitions);
  if (other) throw new Error(`topic ${other.topic} has ${other.partitions} partitions, not ${partitions}`);
}

/** The partition of a key: the same in every process and for ever. */
export function partitionOf(key: string, partitions: number): number {
  return createHash("sha256").update(key).digest().readUInt32BE() % partitions;
}

/** Why the log refuses a record, or null. */
export function refusalOf(record: StreamRecord): Error | null {
  const headers = JSON.stringify(record.headers);
  const sizeBytes =
    Buffer.byteLength(record.key) + Buffer.byteLength(record.value) + Buffer.byteLength(headers);
  if (sizeBytes > recordLimitBytes)
    return new Error(`a record of ${sizeBytes} bytes is over ${recordLimitBytes}`);
  if (record.key.includes("\0") || headers.includes("\\u0000"))
    return new Error("key and headers may not hold the character 0");
  try {
    JSON.parse(record.value);
    return null;
  } catch (cause) {
    return new Error("the value of a record must be JSON", { cause });
  }
}

/**
 * Appends records to one partition. The partition's row is locked until commit, so offsets appear in order and without
 * gaps: a reader never passes one that is not committed yet.
 */
export const appendStatement = `with slot as (
    update embedded.stream_partition set next_offset = next_offset + cardinality($3::text[])
    where topic = $1 and partition = $2 returning next_offset - cardinality($3::text[]) as first)
  insert into embedded.stream_record (topic, partition, record_offset, key, value, headers, appended_at)
  select $1, $2, first + place - 1, key, value, headers::jsonb, clock_timestamp()
  from slot, unnest($3::text[], $4::text[], $5::text[]) with ordinality as record (key, value, headers, place)`;

/** Parameters of `appendStatement`. */
export function appendParameters(topic: Topic, partition: number, records: StreamRecord[]): unknown[] {
  const headers = records.map((record) => JSON.stringify(record.headers));
  return [
    topic,
    partition,
    records.map((record) => record.key),
    records.map((record) => record.value),
    headers,
  ];
}

/** Up to `limit` records of a partition from an offset on, in order. */
export async function readFrom(
  pool: pg.Pool,
  topic: Topic,
  partition: number,
  offset: bigint,
  limit: number,
): Promise<ConsumedRecord[]> {
  const { rows } = await pool.query<ConsumedRecord>(
    kept(
      `select topic, partition, record_offset as offset, key, value, headers from embedded.stream_record
       where topic = $1 and partition = $2 and record_offset >= $3 order by record_offset limit $4`,
      [topic, partition, offset, limit],
    ),
  );
  return rows;
}

/** Records of a topic, in these partitions or in all, that a group has not committed. */
export async function lagOf(
  pool: pg.Pool,
  group: string,
  topic: Topic,
  partitions: number[] | null,
): Promise<number> {
  const { rows } = await pool.query<{ lag: number }>(
    `select coalesce(sum(next_offset - coalesce(committed, 0)), 0)::float8 as lag
     from embedded.stream_partition
     left join embedded.stream_subscription on consumer_group = $1 and stream_subscription.topic = stream_partition.topic
     left join embedded.stream_group_offset on subscription = stream_subscription.id
       and stream_group_offset.partition = stream_partition.partition
     where stream_partition.topic = $2 and ($3::int[] is null or stream_partition.partition = any($3))`,
    [group, topic, partitions],
  );
  return rows[0]!.lag;
}
