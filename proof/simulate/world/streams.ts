import type { ConsumedRecord, Stream, StreamRecord, Topic } from "@strongroom/core/ports/stream";
import type { Process } from "./process.ts";
import { type Schedule, type Step, waiting } from "./schedule.ts";

/** A member of a consumer group that was silent for so long loses its partition. */
const sessionMs = 45_000;

type Group = { offset: number; member: Process | null };

/** A log with one partition per topic: at least once, in order. */
export class Streams {
  readonly logs: Record<Topic, StreamRecord[]> = { documents: [], users: [], audit: [] };
  readonly group: Group = { offset: 0, member: null };
  readonly #schedule: Schedule;
  #waiters: Step[] = [];

  constructor(schedule: Schedule) {
    this.#schedule = schedule;
  }

  connect(process: Process): Stream {
    return {
      publish: (topic, records) =>
        this.#schedule.call(
          process,
          () => `publish ${topic} ${records.length}`,
          () => this.#append(topic, records),
        ),
      consume: ({ signal }, handle) => this.#consume(process, signal, handle),
      lag: async () => this.logs.documents.length - this.group.offset,
    };
  }

  /** A frozen member is given up by the group, and another may go on from the last committed offset. */
  giveUp(process: Process): void {
    this.#schedule.after(sessionMs, () => {
      if (this.group.member === process && process.held !== null) this.#free();
    });
  }

  #append(topic: Topic, records: StreamRecord[]): { acknowledged: boolean; error?: Error }[] {
    const { random, strength } = this.#schedule;
    const failed = new Set<string>();
    const results = records.map((record) => {
      if (strength > 0 && random.chance(0.02)) failed.add(record.key);
      if (failed.has(record.key)) return { acknowledged: false, error: new Error("not enough replicas") };
      this.logs[topic].push(record);
      return { acknowledged: true };
    });
    if (failed.size > 0) this.#schedule.count("record refused");
    this.#wake();
    return results;
  }

  async #consume(
    process: Process,
    signal: AbortSignal,
    handle: (record: ConsumedRecord) => Promise<void>,
  ): Promise<void> {
    process.atEnd(() => {
      if (this.group.member === process) this.#free();
    });
    while (!signal.aborted) {
      const record = await this.#schedule.call(process, "poll", (step) => this.#poll(process, step), {
        exempt: true,
      });
      try {
        await handle(record);
        await this.#schedule.call(process, `commit offset ${record.offset}`, () =>
          this.#commit(process, record),
        );
      } catch {
        await this.#schedule.call(process, "back off", () => {}, { exempt: true });
      }
    }
  }

  #poll(process: Process, step: Step): ConsumedRecord | typeof waiting {
    this.group.member ??= process;
    const record = this.logs.documents[this.group.offset];
    if (this.group.member === process && record)
      return { ...record, topic: "documents", partition: 0, offset: String(this.group.offset) };
    this.#waiters.push(step);
    return waiting;
  }

  /** Refused when the partition went to another member meanwhile. */
  #commit(process: Process, record: ConsumedRecord): void {
    if (this.group.member !== process) throw new Error("the member is no longer part of the group");
    this.group.offset = Math.max(this.group.offset, Number(record.offset) + 1);
  }

  #free(): void {
    this.group.member = null;
    this.#wake();
  }

  /** Wakes the member, or everybody while there is none. */
  #wake(): void {
    const { member } = this.group;
    const isMeant = ({ process }: Step) => member === null || process === member;
    const meant = this.#waiters.filter(isMeant);
    this.#waiters = this.#waiters.filter((step) => !isMeant(step) && step.process.alive);
    for (const step of meant) this.#schedule.wake(step);
  }
}
