export const topics = ["documents", "users", "audit"] as const;
export type Topic = (typeof topics)[number];

/** One fact. Records of one key keep their order; `value` is JSON text. */
export type StreamRecord = { key: string; value: string; headers: Record<string, string> };
/** A record as a consumer meets it. */
export type ConsumedRecord = StreamRecord & { topic: Topic; partition: number; offset: string };

/** A log of facts: at least once, ordered per key, on connections of its own. */
export interface Stream {
  /**
   * Appends in order. Answers, per record, whether the log acknowledged it; when a record fails, later records of the
   * same key are not appended and fail too, records of other keys go on.
   */
  publish(topic: Topic, records: StreamRecord[]): Promise<{ acknowledged: boolean; error?: Error }[]>;
  /**
   * Consumes as a member of a group until the signal aborts: one record at a time per partition, offset committed after
   * `handle` resolves. When `handle` throws, the same record is delivered again after a backoff; nothing is skipped.
   */
  consume(
    subscription: { group: string; topics: Topic[]; signal: AbortSignal },
    handle: (record: ConsumedRecord) => Promise<void>,
  ): Promise<void>;
  /**
   * Records that a group has not yet committed. With `own`, only those in the partitions that this process holds as a member
   * of the group; while it has no seat, those are any.
   */
  lag(group: string, topic: Topic, options?: { own?: boolean }): Promise<number>;
}
