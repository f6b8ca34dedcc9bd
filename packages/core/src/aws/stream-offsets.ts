import { Consumer } from "@platformatic/kafka";
import type { KafkaConnection } from "./stream-connection.ts";
import { clientOptions } from "./stream-connection.ts";

/** Asks for the first offset in place of the last. */
const earliest = -2n;

/** A client that asks for a group's offsets without joining it. */
export function observerOf(connection: KafkaConnection, group: string): Consumer {
  return new Consumer({ ...clientOptions(connection, "observer"), groupId: `${connection.prefix}${group}` });
}

/** Per partition of a topic: its first offset, and what the group has committed (-1 for nothing). */
export async function readOffsets(
  client: Consumer,
  name: string,
): Promise<{ starts: bigint[]; commits: bigint[] }> {
  const starts = (await client.listOffsets({ topics: [name], timestamp: earliest })).get(name) ?? [];
  const all = starts.map((_, partition) => partition);
  const committed = await client.listCommittedOffsets({ topics: [{ topic: name, partitions: all }] });
  return { starts, commits: committed.get(name) ?? [] };
}

/** Records of a topic, in these partitions or in all, that the group has not committed; without a commit, all that the topic still has. */
export async function countBehind(
  observer: Consumer,
  name: string,
  partitions: readonly number[] | null,
): Promise<number> {
  const { starts, commits } = await readOffsets(observer, name);
  const ends = (await observer.listOffsets({ topics: [name] })).get(name) ?? [];
  const behind = ends.map((end, partition) => {
    if (partitions !== null && !partitions.includes(partition)) return 0n;
    const [start, commit] = [starts[partition] ?? 0n, commits[partition] ?? -1n];
    return end - (commit > start ? commit : start);
  });
  return behind.reduce((sum, count) => sum + Number(count), 0);
}
