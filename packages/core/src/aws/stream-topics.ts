import { Admin } from "@platformatic/kafka";
import { topics } from "../ports/stream.ts";
import type { KafkaConnection } from "./stream-connection.ts";
import { clientOptions } from "./stream-connection.ts";

/** Creates every topic of the stream with one replica: for a broker on loopback. On AWS it is the stack's work. */
export async function createTopics(
  connection: KafkaConnection,
  partitions: number,
  settings: Record<string, string> = {},
): Promise<void> {
  const admin = new Admin(clientOptions(connection, "admin"));
  const configs = Object.entries(settings).map(([name, value]) => ({ name, value }));
  const names = topics.map((topic) => `${connection.prefix}${topic}`);
  try {
    await admin.createTopics({ topics: names, partitions, replicas: 1, configs });
  } finally {
    await admin.close();
  }
}
