import type { Decoder } from "./decoder.ts";

type StartDecoder = () => Promise<Decoder>;
type OnStartFailed = (error: unknown) => void;

/** A fixed number of slots, each with a warm child, handed out first come, first served. */
export class Slots {
  readonly #all: Slot[];
  readonly #idle: Slot[];
  readonly #waiters: ((slot: Slot) => void)[] = [];

  /** `onStartFailed` hears of children that could not be warmed in advance; the next job tries again and throws. */
  constructor(count: number, start: StartDecoder, onStartFailed: OnStartFailed) {
    this.#all = Array.from(
      { length: count },
      () => new Slot(start, onStartFailed, (slot) => this.#free(slot)),
    );
    this.#idle = [...this.#all];
  }

  async warm(): Promise<void> {
    await Promise.all(this.#all.map((slot) => slot.decoder()));
  }

  /** Waits for its turn; rejects when `signal` aborts first. */
  lease(signal: AbortSignal): Promise<Slot> {
    if (signal.aborted) return Promise.reject(signal.reason);
    const slot = this.#idle.shift();
    if (slot) return Promise.resolve(slot);
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiters.splice(this.#waiters.indexOf(enter), 1);
        reject(signal.reason);
      };
      const enter = (given: Slot) => {
        signal.removeEventListener("abort", leave);
        resolve(given);
      };
      signal.addEventListener("abort", leave, { once: true });
      this.#waiters.push(enter);
    });
  }

  #free(slot: Slot): void {
    const next = this.#waiters.shift();
    if (next) next(slot);
    else this.#idle.push(slot);
  }
}

/** The right to run one job. */
export class Slot {
  readonly #start: StartDecoder;
  readonly #onStartFailed: OnStartFailed;
  readonly #free: (slot: Slot) => void;
  #starting: Promise<Decoder> | null = null;
  #current: Decoder | null = null;

  constructor(start: StartDecoder, onStartFailed: OnStartFailed, free: (slot: Slot) => void) {
    this.#start = start;
    this.#onStartFailed = onStartFailed;
    this.#free = free;
  }

  /** The warm child, started now if there is none. @throws when it does not start. */
  decoder(): Promise<Decoder> {
    this.#starting ??= this.#started();
    return this.#starting;
  }

  /** Gives the right back; a child named `worn` is killed and another one warmed in its place. */
  release(worn: Decoder | null): void {
    if (worn) this.#replace(worn);
    this.#free(this);
  }

  async #started(): Promise<Decoder> {
    try {
      const decoder = await this.#start();
      this.#current = decoder;
      void decoder.exited.then(() => this.#replace(decoder));
      return decoder;
    } catch (error) {
      this.#starting = null;
      throw error;
    }
  }

  #replace(decoder: Decoder): void {
    if (decoder !== this.#current) return;
    this.#current = null;
    this.#starting = null;
    void decoder.kill();
    this.decoder().catch(this.#onStartFailed);
  }
}
