import { Consumer } from "@platformatic/kafka";
import { systemClock } from "../clock.ts";
import type { Log } from "../log.ts";
import type { Held } from "../ports/held-partitions.ts";
import type { ConsumedRecord, Topic } from "../ports/stream.ts";
import type { KafkaConnection } from "./stream-connection.ts";
import { clientOptions } from "./stream-connection.ts";
import { Turn } from "./stream-turn.ts";

/** What a member of a group works with. */
export type Member = {
  connection: KafkaConnection;
  log: Log;
  sessionMs: number;
  group: string;
  topics: readonly Topic[];
  handle: (record: ConsumedRecord) => Promise<void>;
  held: Held;
};

/** A farewell to a broker that is gone is not waited for any longer. */
const farewellMs = 5_000;

/** Consumes as one member until the signal aborts; joins anew whenever the cluster or the membership is lost. */
export async function consumeAsMember(member: Member, signal: AbortSignal): Promise<void> {
  for (let losses = 0; !signal.aborted; losses++) {
    const joinedAt = performance.now();
    try {
      await sit(member, signal);
    } catch (error) {
      member.log.warn("stream.seat_lost", { group: member.group, error: error as Error });
    }
    if (performance.now() - joinedAt > member.sessionMs) losses = 0;
    await systemClock.sleep(Math.random() * Math.min(2_000, 50 * 2 ** losses), signal);
  }
}

/** One membership: from joining the group to leaving it, or until something that it cannot mend. */
async function sit(member: Member, signal: AbortSignal): Promise<void> {
  const lost = new AbortController();
  const over = AbortSignal.any([signal, lost.signal]);
  const fail = (error: Error) => lost.abort(error);
  const { connection, group, topics, sessionMs } = member;
  const options = clientOptions(connection, "member");
  let turn: Turn | null = null;
  const consumer = new Consumer({
    ...options,
    groupId: `${connection.prefix}${group}`,
    autocommit: false,
    sessionTimeout: sessionMs,
    rebalanceTimeout: 2 * sessionMs,
    heartbeatInterval: sessionMs / 10,
    heartbeatStallTimeout: sessionMs,
    // The one moment before a partition can be handed over: what is in hand is brought to its end and committed.
    protocolsMetadata: async () => {
      await turn?.end(consumer.memberId === null ? 0 : sessionMs / 3);
      return Buffer.alloc(0);
    },
  });
  consumer.on("consumer:group:join", () => {
    void turn?.end(0);
    turn = over.aborted ? null : new Turn({ member, consumer, options, fail });
  });
  consumer.on("error", fail);
  consumer.on("consumer:heartbeat:stalled", () => fail(new Error("no heartbeat was answered")));
  consumer.topics.trackAll(...topics.map((topic) => `${connection.prefix}${topic}`));
  try {
    await Promise.race([consumer.joinGroup(), heard(over)]);
    await heard(over);
    await (turn as Turn | null)?.end(lost.signal.aborted ? 0 : sessionMs / 3);
  } finally {
    await (turn as Turn | null)?.end(0);
    await leave(consumer);
  }
  if (lost.signal.aborted) throw lost.signal.reason;
}

async function leave(consumer: Consumer): Promise<void> {
  const left = new AbortController();
  const leaving = consumer.close(true).catch(() => {}); // the session ends by itself
  await Promise.race([leaving, systemClock.sleep(farewellMs, left.signal)]);
  left.abort();
}

function heard(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
