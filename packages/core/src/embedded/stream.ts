import type pg from "pg";
import { systemClock } from "../clock.ts";
import { silentLog } from "../log.ts";
import type { Log } from "../log.ts";
import type { Connection } from "../ports/database.ts";
import { type Held, heldBy } from "../ports/held-partitions.ts";
import type { Stream, StreamRecord, Topic } from "../ports/stream.ts";
import { Bell } from "./bell.ts";
import { answer, extraDelayMs, noFaults, strikes } from "./faults.ts";
import type { Faults } from "./faults.ts";
import { ensureTables, kept, openPool } from "./postgres-session.ts";
import {
  appendParameters,
  appendStatement,
  ensurePartitions,
  lagOf,
  partitionOf,
  refusalOf,
  streamTables,
} from "./stream-log.ts";
import { consumeAsMember, partitionBell } from "./stream-member.ts";

/** How an embedded stream is made. */
export type EmbeddedStreamOptions = {
  connection: Connection;
  faults?: Faults;
  /** Per topic; fixed when the first process opens the stream. Default 8. */
  partitions?: number;
  /** A member that is silent for this long loses its partitions; default 10 s. Rebalancing takes about a tenth of it. */
  memberTimeoutMs?: number;
  log?: Log;
};

/**
 * A log of facts in PostgreSQL, on connections of its own: five, and one per consumer. It goes on by itself after an
 * outage of the database; records published meanwhile are answered as not acknowledged.
 */
export async function createEmbeddedStream(
  options: EmbeddedStreamOptions,
): Promise<Stream & { close(): Promise<void> }> {
  const {
    connection,
    faults = noFaults,
    partitions = 8,
    memberTimeoutMs = 10_000,
    log = silentLog,
  } = options;
  const pool = openPool(connection, "stream");
  try {
    await ensureTables(pool, "stream_record", streamTables);
    await ensurePartitions(pool, partitions);
    const bell = await Bell.open(connection, "embedded_stream");
    const closing = new AbortController();
    const consumers = new Set<Promise<void>>();
    const members = new Set<Held>();
    const shared = { connection, pool, bell, faults, log, partitions, memberTimeoutMs };
    return {
      publish: (topic, records) => publish(pool, bell, faults, partitions, topic, records),
      consume({ group, topics, signal }, handle) {
        const stop = AbortSignal.any([signal, closing.signal]);
        const held: Held = { group, partitions: null };
        members.add(held);
        const consumer = consumeAsMember({ ...shared, group, topics, handle, held }, stop).finally(() => {
          members.delete(held);
          consumers.delete(consumer);
        });
        consumers.add(consumer);
        return consumer;
      },
      lag: (group, topic, { own = false } = {}) =>
        lagOf(pool, group, topic, own ? heldBy(members, group, topic) : null),
      async close() {
        closing.abort();
        await Promise.all(consumers);
        await bell.close();
        await pool.end();
      },
    };
  } catch (error) {
    await pool.end();
    throw error;
  }
}

type Outcome = { acknowledged: boolean; error?: Error };
type Numbered = { index: number; record: StreamRecord };

async function publish(
  pool: pg.Pool,
  bell: Bell,
  faults: Faults,
  partitions: number,
  topic: Topic,
  records: StreamRecord[],
): Promise<Outcome[]> {
  const outcomes: Outcome[] = records.map(() => ({ acknowledged: true }));
  const stoppedKeys = new Map<string, Error>();
  const batches = new Map<number, Numbered[]>();
  for (const [index, record] of records.entries()) {
    const error = stoppedKeys.get(record.key) ?? refusalOf(record);
    if (error) {
      stoppedKeys.set(record.key, error);
      outcomes[index] = { acknowledged: false, error };
      continue;
    }
    const partition = partitionOf(record.key, partitions);
    if (!batches.get(partition)?.push({ index, record })) batches.set(partition, [{ index, record }]);
  }
  const appends = [...batches].map(async ([partition, batch]) => {
    try {
      await append(
        pool,
        faults,
        topic,
        partition,
        batch.map((one) => one.record),
      );
      bell.ring(partitionBell(topic, partition));
    } catch (cause) {
      const error = new Error(`the log did not acknowledge records of ${topic}`, { cause });
      for (const { index } of batch) outcomes[index] = { acknowledged: false, error };
    }
  });
  await Promise.all(appends);
  return outcomes;
}

async function append(
  pool: pg.Pool,
  faults: Faults,
  topic: Topic,
  partition: number,
  records: StreamRecord[],
): Promise<void> {
  await systemClock.sleep(extraDelayMs(faults));
  const ordered = strikes(faults, faults.reorder) ? mixKeys(records, faults) : records;
  const times = strikes(faults, faults.duplicate) ? 2 : 1;
  for (let time = 0; time < times; time++) {
    await answer(faults, pool.query(kept(appendStatement, appendParameters(topic, partition, ordered))));
  }
}

/** Another order, but the same per key. */
function mixKeys(records: StreamRecord[], faults: Faults): StreamRecord[] {
  const byKey = Map.groupBy(records, (record) => record.key);
  const draws = new Map([...byKey.keys()].map((key) => [key, faults.random()]));
  return records.toSorted((a, b) => draws.get(a.key)! - draws.get(b.key)!);
}
