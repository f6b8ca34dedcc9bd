import type pg from "pg";
import type { Log } from "../log.ts";
import type { Connection } from "../ports/database.ts";
import type { Held } from "../ports/held-partitions.ts";
import type { ConsumedRecord, Topic } from "../ports/stream.ts";
import { systemClock } from "../clock.ts";
import type { Bell } from "./bell.ts";
import { extraDelayMs, strikes } from "./faults.ts";
import type { Faults } from "./faults.ts";
import { readFrom } from "./stream-log.ts";
import { Seat } from "./stream-seat.ts";

const pollMs = 1_000;
const batchRecords = 32;
const backoffMs = { first: 250, most: 10_000 };

/** What a member of a group works with. */
export type Member = {
  connection: Connection;
  pool: pg.Pool;
  bell: Bell;
  faults: Faults;
  log: Log;
  partitions: number;
  memberTimeoutMs: number;
  group: string;
  topics: readonly Topic[];
  handle: (record: ConsumedRecord) => Promise<void>;
  held: Held;
};

/** Name of the bell that tells a group's members of a coming or going. */
const groupBell = (group: string): string => `group ${group}`;
/** Name of the bell that rings for each append to a partition. */
export const partitionBell = (topic: Topic, partition: number): string => `${topic}/${partition}`;

/** Consumes as one member until the signal aborts; takes a new seat whenever one is lost. */
export async function consumeAsMember(member: Member, signal: AbortSignal): Promise<void> {
  for (let losses = 0; !signal.aborted; losses++) {
    const satSince = performance.now();
    try {
      await sit(member, signal);
    } catch (error) {
      member.log.warn("stream.seat_lost", { group: member.group, error: error as Error });
    }
    if (performance.now() - satSince > backoffMs.most) losses = 0;
    await systemClock.sleep(Math.random() * Math.min(2_000, 50 * 2 ** losses), signal);
  }
}

type Owned = { topic: Topic; partition: number; stop: AbortController; done: Promise<void> };

async function sit(member: Member, signal: AbortSignal): Promise<void> {
  const { bell, connection, group, topics, memberTimeoutMs } = member;
  const seat = await Seat.take(connection, group, topics, memberTimeoutMs);
  const owned = new Map<string, Owned>();
  const leaving = AbortSignal.any([signal, seat.lost]);
  member.held.partitions = () => [...owned.values()];
  try {
    bell.ring(groupBell(group));
    while (!leaving.aborted) {
      const count = bell.count(groupBell(group));
      for (const topic of topics) await balance(member, seat, owned, topic, leaving);
      await bell.changed(groupBell(group), count, memberTimeoutMs / 10, leaving);
    }
    if (seat.lost.aborted) throw new Error("the session of this member was lost");
  } finally {
    member.held.partitions = null;
    for (const one of owned.values()) one.stop.abort();
    await Promise.all([...owned.values()].map((one) => one.done));
    await seat.leave();
    bell.ring(groupBell(group));
  }
}

/** A member holds at most its fair share, rounded up: what is above is given back, what is missing is tried for. */
async function balance(
  member: Member,
  seat: Seat,
  owned: Map<string, Owned>,
  topic: Topic,
  leaving: AbortSignal,
) {
  const share = Math.ceil(member.partitions / (await seat.countMembers(topic)));
  const mine = [...owned.values()].filter((one) => one.topic === topic);
  const kept = mine.filter((one) => !one.stop.signal.aborted);
  for (const one of kept.slice(share)) one.stop.abort();
  for (
    let partition = 0, missing = share - mine.length;
    partition < member.partitions && missing > 0;
    partition++
  ) {
    if (leaving.aborted) return;
    const name = partitionBell(topic, partition);
    if (owned.has(name) || !(await seat.tryOwn(topic, partition))) continue;
    missing--;
    const stop = new AbortController();
    const done = follow(member, seat, topic, partition, AbortSignal.any([stop.signal, leaving]))
      .then(() => seat.disown(topic, partition))
      .catch((error: Error) =>
        member.log.warn("stream.partition_lost", { group: member.group, topic, partition, error }),
      )
      .finally(() => {
        owned.delete(name);
        member.bell.ring(groupBell(member.group));
      });
    owned.set(name, { topic, partition, stop, done });
  }
}

/** Delivers a partition's records in order; ends when told to stop, rejects when the seat is lost. */
async function follow(
  member: Member,
  seat: Seat,
  topic: Topic,
  partition: number,
  stop: AbortSignal,
): Promise<void> {
  let position = await seat.committed(topic, partition);
  while (!stop.aborted) {
    const name = partitionBell(topic, partition);
    const count = member.bell.count(name);
    const records = await readFrom(member.pool, topic, partition, position, batchRecords).catch(() => []);
    for (const record of records) {
      if (!(await deliver(member, record, stop))) return;
      position = BigInt(record.offset) + 1n;
      await seat.commit(topic, partition, position);
    }
    if (records.length === 0) await member.bell.changed(name, count, pollMs, stop);
  }
}

/** Hands a record over, again and again until it is handled; false when told to stop before that. */
async function deliver(member: Member, record: ConsumedRecord, stop: AbortSignal): Promise<boolean> {
  const { faults, handle, log, group } = member;
  await systemClock.sleep(extraDelayMs(faults), stop);
  let deliveries = strikes(faults, faults.duplicate) ? 2 : 1;
  for (let failures = 0; !stop.aborted;) {
    try {
      await handle(record);
      if (--deliveries === 0) return true;
    } catch (error) {
      const { topic, partition, offset } = record;
      log.warn("stream.handle_failed", { group, topic, partition, offset, failures, error: error as Error });
      await systemClock.sleep(
        Math.random() * Math.min(backoffMs.most, backoffMs.first * 2 ** failures++),
        stop,
      );
    }
  }
  return false;
}
