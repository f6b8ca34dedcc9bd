import type { Consumer } from "@platformatic/kafka";

type Offset = { topic: string; partition: number; offset: bigint; leaderEpoch: number };

/**
 * Commits what was handled, one request at a time with the newest offset of every partition in it: a record waits for no
 * commit, and after a crash what was handled during one round trip comes again.
 */
export class Committer {
  readonly #consumer: Pick<Consumer, "commit">;
  readonly #pending = new Map<string, Offset>();
  #flying: Promise<void> | null = null;

  constructor(consumer: Pick<Consumer, "commit">) {
    this.#consumer = consumer;
  }

  /** Rejects with the fault of the request that it starts or joins; nobody need wait for it. */
  commit(offset: Offset): Promise<void> {
    this.#pending.set(`${offset.topic}/${offset.partition}`, offset);
    return (this.#flying ??= this.#fly());
  }

  /** Resolves when all is committed that was handed in, or a request failed. */
  async settled(): Promise<void> {
    await this.#flying?.catch(() => {});
  }

  async #fly(): Promise<void> {
    try {
      while (this.#pending.size > 0) {
        const offsets = [...this.#pending.values()];
        this.#pending.clear();
        await this.#consumer.commit({ offsets });
      }
    } finally {
      this.#flying = null;
    }
  }
}
