import type { Topic } from "./stream.ts";

/** A member of a group in this process, and the partitions that it holds; null while it has no seat. */
export type Held = {
  readonly group: string;
  partitions: (() => readonly { topic: Topic; partition: number }[]) | null;
};

/** Partitions of a topic that this process holds for a group; null for any of them: a member has no seat, or there is none. */
export function heldBy(members: ReadonlySet<Held>, group: string, topic: Topic): number[] | null {
  const seats = [...members].filter((one) => one.group === group).map(({ partitions }) => partitions);
  if (seats.length === 0 || seats.includes(null)) return null;
  const all = seats.flatMap((partitions) => partitions?.() ?? []);
  return all.filter((one) => one.topic === topic).map(({ partition }) => partition);
}
