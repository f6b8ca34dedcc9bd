import { randomUUID } from "node:crypto";
import { silentLog } from "../log.ts";
import type { KafkaConnection } from "./stream-connection.ts";
import { createTopics } from "./stream-topics.ts";
import { createKafkaStream } from "./stream.ts";

/** The shortest session that a broker allows: a killed member is given up after it. */
export const sessionMs = 6_000;

/** Topics of one test's own on a broker that tests share. */
export async function ownTopics(bootstrap: string, partitions = 8, settings = {}): Promise<KafkaConnection> {
  const connection = {
    brokers: [bootstrap],
    auth: { kind: "plain" as const },
    prefix: `test-${randomUUID()}.`,
  };
  await createTopics(connection, partitions, settings);
  return connection;
}

/** Two adapters on topics of their own, as two processes would have them. */
export async function openStreams(bootstrap: string, log = silentLog) {
  const connection = await ownTopics(bootstrap);
  const [stream, other] = [1, 2].map(() => createKafkaStream({ connection, log, sessionMs })) as [
    Opened,
    Opened,
  ];
  return {
    connection,
    stream,
    other,
    close: async () => void (await Promise.all([stream.close(), other.close()])),
  };
}

type Opened = ReturnType<typeof createKafkaStream>;
