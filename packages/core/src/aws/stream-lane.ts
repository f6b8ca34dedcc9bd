import type { RecordsBatch } from "@platformatic/kafka";
import { systemClock } from "../clock.ts";
import type { ConsumedRecord, Topic } from "../ports/stream.ts";
import { Bell } from "./stream-bell.ts";
import type { Member } from "./stream-member.ts";

/** Records of one partition in hand above which no more are fetched. */
const roomRecords = 500;
const backoffMs = { first: 250, most: 10_000 };
/** Bit of a batch that holds the log's own marks in place of records. */
const controlBit = 0b100000;

type InHand = { record: ConsumedRecord; offset: bigint; leaderEpoch: number };
type Commit = (lane: Lane, offset: bigint, leaderEpoch: number) => void;
type LaneOptions = { topic: Topic; name: string; partition: number; next: bigint; hungry: Bell };

/** One partition in the hands of one member: its records wait here and are handled in order, one at a time. */
export class Lane {
  readonly topic: Topic;
  /** The topic's name in the cluster. */
  readonly name: string;
  readonly partition: number;
  readonly filled = new Bell();
  readonly #hungry: Bell;
  #waiting: InHand[] = [];
  #next: bigint;

  constructor({ topic, name, partition, next, hungry }: LaneOptions) {
    this.topic = topic;
    this.name = name;
    this.partition = partition;
    this.#next = next;
    this.#hungry = hungry;
  }

  /** Offset to fetch from. */
  get next(): bigint {
    return this.#next;
  }

  get hasRoom(): boolean {
    return this.#waiting.length < roomRecords;
  }

  /** Goes on at `start` when what comes next is gone; whether it was. */
  skipTo(start: bigint): boolean {
    if (this.#next >= start) return false;
    this.#next = start;
    return true;
  }

  /** Takes what a fetch brought, without what was brought before. */
  take(batch: RecordsBatch): void {
    const { firstOffset, lastOffsetDelta, attributes, partitionLeaderEpoch: leaderEpoch } = batch;
    for (const { key, value, headers, offsetDelta } of (attributes & controlBit) === 0 ? batch.records : []) {
      const offset = firstOffset + BigInt(offsetDelta);
      if (offset < this.#next) continue;
      const { topic, partition } = this;
      const read = {
        key: text(key),
        value: text(value),
        headers: Object.fromEntries(headers.map((pair) => pair.map(text))),
      };
      this.#waiting.push({ record: { topic, partition, offset: `${offset}`, ...read }, offset, leaderEpoch });
    }
    const after = firstOffset + BigInt(lastOffsetDelta) + 1n;
    if (after > this.#next) this.#next = after;
    this.filled.ring();
  }

  /** Handles and commits until told to stop; the record in hand then is still brought to its end. */
  async follow(member: Member, commit: Commit, stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      const filled = this.filled.next;
      const first = this.#waiting[0];
      if (first === undefined) {
        await filled;
        continue;
      }
      if (!(await deliver(member, first.record, stop))) return;
      commit(this, first.offset + 1n, first.leaderEpoch);
      const full = !this.hasRoom;
      this.#waiting.shift();
      if (full) this.#hungry.ring();
    }
  }
}

/** Hands a record over, again and again until it is handled; false when told to stop before that. */
async function deliver(
  { handle, log, group }: Member,
  record: ConsumedRecord,
  stop: AbortSignal,
): Promise<boolean> {
  for (let failures = 0; !stop.aborted; failures++) {
    try {
      await handle(record);
      return true;
    } catch (error) {
      const { topic, partition, offset } = record;
      log.warn("stream.handle_failed", { group, topic, partition, offset, failures, error: error as Error });
      await systemClock.sleep(
        Math.random() * Math.min(backoffMs.most, backoffMs.first * 2 ** failures),
        stop,
      );
    }
  }
  return false;
}

const text = (bytes: Buffer | null): string => bytes?.toString("utf8") ?? "";
