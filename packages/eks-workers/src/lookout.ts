import type { Ports } from "@strongroom/core/ports/ports";
import type { Message, QueueName } from "@strongroom/core/ports/queue";

/**
 * One queue, as many messages as may be in hand, whencesoever, when one of it is taken, and how many more of its own may be taken
 * now; with no room it is not asked.
 */
export type Source = { name: QueueName; upTo: () => number; room?: () => number };
type LookoutPorts = Pick<Ports, "queue" | "clock" | "config" | "log">;
/** What a queue answered; `messages` null when it could not be asked. */
type Received = { queue: QueueName; messages: Message[] | null };

/** How long the first queue is waited for when every queue is empty. */
const waitMs = 5_000;
/** Then it is looked again whether a queue without room has some: as time goes by it may, though nothing else happens. */
const roomAgainMs = 250;

/** Settled already: behind a look that has an answer, and before one that has none. */
const nothingYet = Promise.resolve(null);

/** Looks into the queues, in their order; the patient look into the first one goes on while others are worked on. */
export class Lookout {
  readonly #ports: LookoutPorts;
  readonly #first: Source;
  readonly #others: readonly Source[];
  readonly #inHand: ReadonlySet<Promise<void>>;
  readonly #stopping: AbortSignal;
  #patient: Promise<Received> | null = null;

  constructor(
    ports: LookoutPorts,
    [first, ...others]: readonly [Source, ...Source[]],
    inHand: ReadonlySet<Promise<void>>,
    stopping: AbortSignal,
  ) {
    this.#ports = ports;
    this.#first = first;
    this.#others = others;
    this.#inHand = inHand;
    this.#stopping = stopping;
  }

  /** What comes next, `most` of it; null when a message in hand is done first, and there may be a place for another. */
  async next(most = Infinity): Promise<Received | null> {
    const arrived = this.#patient && (await Promise.race([this.#patient, nothingYet]));
    if (arrived) {
      this.#patient = null;
      return arrived;
    }
    const sources = this.#patient ? this.#others : [this.#first, ...this.#others];
    let wasFull = false;
    for (const source of sources) {
      const room = source.room?.() ?? Infinity;
      wasFull ||= room <= 0;
      const free = Math.min(most, room, source.upTo() - this.#inHand.size);
      const received = free > 0 ? await this.#ask(source, free, 0) : null;
      if (received && received.messages?.length !== 0) return received;
    }
    if (this.#patient === null && this.#inHand.size < this.#first.upTo())
      this.#patient = this.#ask(this.#first, Math.min(most, this.#kept()), waitMs);
    const received = await this.#whateverComes(wasFull);
    if (!received) return null;
    this.#patient = null;
    return received;
  }

  /** What a look that was still under way brought when all was to stop. */
  async last(): Promise<Received> {
    return (await this.#patient) ?? { queue: this.#first.name, messages: [] };
  }

  /** What the patient look brings, or nothing, once something in hand is done or a queue may have room again. */
  async #whateverComes(wasFull: boolean): Promise<Received | null> {
    const come = new AbortController();
    const again = wasFull ? [this.#ports.clock.sleep(roomAgainMs, come.signal)] : [];
    try {
      const patient = this.#patient ? [this.#patient] : [];
      return (await Promise.race([...patient, ...this.#inHand, ...again])) ?? null;
    } finally {
      come.abort();
    }
  }

  /** Places that messages of the other queues cannot take meanwhile; at least one. */
  #kept(): number {
    const taken = Math.max(this.#inHand.size, ...this.#others.map(({ upTo }) => upTo()));
    return Math.max(1, this.#first.upTo() - taken);
  }

  async #ask({ name: queue }: Source, free: number, patienceMs: number): Promise<Received> {
    const { visibility: visibilityMs } = this.#ports.config.periods;
    const wish = { max: Math.min(free, 10), waitMs: patienceMs, visibilityMs, signal: this.#stopping };
    try {
      return { queue, messages: await this.#ports.queue.receive(queue, wish) };
    } catch (error) {
      this.#ports.log.warn("loop.receive_failed", { queue, error: error as Error });
      return { queue, messages: null };
    }
  }
}
