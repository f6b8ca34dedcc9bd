import type { ConsumedRecord, Stream, Topic } from "../ports/stream.ts";

/** A member of a group that remembers what it handled. */
export type Follower = {
  /** Every delivery that `handle` resolved for, in order. */
  readonly handled: ConsumedRecord[];
  /** Resolves when this holds of what was handled so far. */
  until(holds: (handled: ConsumedRecord[]) => boolean): Promise<void>;
  /** Leaves the group; resolves when it has left. */
  leave(): Promise<void>;
};

/** Consumes topics as a member of a group; a delivery that `handle` rejects is not remembered. */
export function follow(
  stream: Stream,
  group: string,
  topics: Topic[],
  handle: (record: ConsumedRecord) => Promise<void> = async () => {},
): Follower {
  const stop = new AbortController();
  const handled: ConsumedRecord[] = [];
  const waiting = new Set<() => void>();
  const consuming = stream.consume({ group, topics, signal: stop.signal }, async (record) => {
    await handle(record);
    handled.push(record);
    for (const look of [...waiting]) look();
  });
  return {
    handled,
    until: (holds) =>
      new Promise((resolve) => {
        const look = () => {
          if (!holds(handled)) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
    leave: () => {
      stop.abort();
      return consuming;
    },
  };
}
