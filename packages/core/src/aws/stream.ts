import type { Consumer } from "@platformatic/kafka";
import type { Log } from "../log.ts";
import { type Held, heldBy } from "../ports/held-partitions.ts";
import type { Stream } from "../ports/stream.ts";
import type { KafkaConnection } from "./stream-connection.ts";
import { consumeAsMember } from "./stream-member.ts";
import { countBehind, observerOf } from "./stream-offsets.ts";
import { createPublisher } from "./stream-publisher.ts";

export type KafkaStreamOptions = {
  connection: KafkaConnection;
  log: Log;
  /** A member that is silent for so long has left its group. Brokers take 6 s to 30 min. */
  sessionMs?: number;
};

/**
 * The stream in Kafka. The producer is idempotent and waits for all in-sync replicas; members of a group share the
 * partitions eagerly: all stop before any is handed over, so that two never handle one partition, except when a handler
 * outlasts a third of the session.
 */
export function createKafkaStream(options: KafkaStreamOptions): Stream & { close(): Promise<void> } {
  const { connection, log, sessionMs = 30_000 } = options;
  const publisher = createPublisher(connection);
  const observers = new Map<string, Consumer>();
  const members = new Set<Held>();
  return {
    publish: (topic, records) => publisher.publish(topic, records),
    async consume({ group, topics, signal }, handle) {
      const held: Held = { group, partitions: null };
      members.add(held);
      const member = { connection, log, sessionMs, group, topics, handle, held };
      await consumeAsMember(member, signal).finally(() => members.delete(held));
    },
    async lag(group, topic, { own = false } = {}) {
      const observer = observers.get(group) ?? observerOf(connection, group);
      observers.set(group, observer);
      return await countBehind(
        observer,
        `${connection.prefix}${topic}`,
        own ? heldBy(members, group, topic) : null,
      );
    },
    async close() {
      await Promise.all([publisher, ...observers.values()].map((client) => client.close()));
    },
  };
}
