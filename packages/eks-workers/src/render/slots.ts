import type { Decoder } from "./decoder.ts";

/** Starts a child; one that is started in advance may take its time until it is `needed`. */
type StartDecoder = (needed?: Promise<void>) => Promise<Decoder>;
/** `child` resolves to null when it could not be started. */
type Spare = { child: Promise<Decoder | null>; need: () => void };
/** With one, three files that cost a child within half a second left every slot of two without one (3 % of honest files waited). */
const sparesKept = 2;
type OnStartFailed = (error: unknown) => void;

/**
 * A fixed number of slots, each with a warm child, handed out first come, first served. A job that takes long may leave
 * its slot to the next one and go on aside, in one of as many places as there are slots. Two more children are kept warm: a
 * file that costs a child costs the next one no time, and as a rule the file after it neither.
 */
export class Slots {
  readonly #start: StartDecoder;
  readonly #onStartFailed: OnStartFailed;
  readonly #spares: Spare[] = [];
  readonly #seats: Seat[];
  readonly #idle: Seat[];
  readonly #waiters: ((seat: Seat) => void)[] = [];
  #placesAside: number;

  /** `onStartFailed` hears of children that could not be warmed in advance; the next job tries again and throws. */
  constructor(count: number, start: StartDecoder, onStartFailed: OnStartFailed) {
    this.#start = start;
    this.#onStartFailed = onStartFailed;
    const fresh = () => this.#fresh();
    this.#seats = Array.from(
      { length: count },
      () => new Seat(fresh, onStartFailed, (seat) => this.#free(seat)),
    );
    this.#idle = [...this.#seats];
    this.#placesAside = count;
  }

  /** Jobs that go on aside. */
  get aside(): number {
    return this.#seats.length - this.#placesAside;
  }

  async warm(): Promise<void> {
    await Promise.all(this.#seats.map((seat) => seat.decoder()));
  }

  async #fresh(): Promise<Decoder> {
    const spare = this.#spares.shift();
    spare?.need();
    const decoder = (await spare?.child) ?? (await this.#start());
    while (this.#spares.length < sparesKept) this.#addSpare();
    return decoder;
  }

  #addSpare(): void {
    const needed = Promise.withResolvers<void>();
    const child = this.#start(needed.promise).catch((error: unknown) => {
      this.#onStartFailed(error);
      return null;
    });
    const spare = { child, need: needed.resolve };
    this.#spares.push(spare);
    const forget = () => {
      const at = this.#spares.indexOf(spare);
      if (at >= 0) this.#spares.splice(at, 1);
    };
    void child.then((decoder) => (decoder === null ? forget() : decoder.exited.then(forget)));
  }

  /** Waits for its turn; rejects when `signal` aborts first. */
  async lease(signal: AbortSignal): Promise<Slot> {
    const seat = await this.#seat(signal);
    return new Slot(seat, { take: () => this.#takePlace(), give: () => (this.#placesAside += 1) });
  }

  async #seat(signal: AbortSignal): Promise<Seat> {
    signal.throwIfAborted();
    const idle = this.#idle.shift();
    if (idle) return idle;
    return await new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiters.splice(this.#waiters.indexOf(enter), 1);
        reject(signal.reason);
      };
      const enter = (given: Seat) => {
        signal.removeEventListener("abort", leave);
        resolve(given);
      };
      signal.addEventListener("abort", leave, { once: true });
      this.#waiters.push(enter);
    });
  }

  #free(seat: Seat): void {
    const next = this.#waiters.shift();
    if (next) next(seat);
    else this.#idle.push(seat);
  }

  #takePlace(): boolean {
    if (this.#placesAside === 0) return false;
    this.#placesAside -= 1;
    return true;
  }
}

/** Places aside are counted, not kept apart: one is as good as another. */
type Places = { take(): boolean; give(): void };

/** The right to run one job. */
export class Slot {
  readonly #seat: Seat;
  readonly #places: Places;
  #isAside = false;

  constructor(seat: Seat, places: Places) {
    this.#seat = seat;
    this.#places = places;
  }

  /** Whether the job has left its slot to the next one. */
  get isAside(): boolean {
    return this.#isAside;
  }

  /** The warm child, started now if there is none. @throws when it does not start. */
  decoder(): Promise<Decoder> {
    return this.#seat.decoder();
  }

  /**
   * Lets the next job in while this one goes on in `running`, which is the job's own from now on, or in a child that was
   * never the slot's; false when no place is free.
   */
  stepAside(running: Decoder | null): boolean {
    if (!this.#isAside && this.#places.take()) {
      this.#isAside = true;
      this.#seat.leave(running);
    }
    return this.#isAside;
  }

  /** Gives the right back; a child named `worn` is killed and another one warmed in its place. */
  release(worn: Decoder | null): void {
    if (this.#isAside) this.#places.give();
    else this.#seat.release(worn);
  }
}

/** Where one job after another sits down to a warm child. */
class Seat {
  readonly #start: StartDecoder;
  readonly #onStartFailed: OnStartFailed;
  readonly #free: (seat: Seat) => void;
  #starting: Promise<Decoder> | null = null;
  #current: Decoder | null = null;

  constructor(start: StartDecoder, onStartFailed: OnStartFailed, free: (seat: Seat) => void) {
    this.#start = start;
    this.#onStartFailed = onStartFailed;
    this.#free = free;
  }

  decoder(): Promise<Decoder> {
    this.#starting ??= this.#started();
    return this.#starting;
  }

  release(worn: Decoder | null): void {
    if (worn === null) return this.#free(this);
    void worn.kill();
    this.leave(worn);
  }

  /** Without its child, it is for the next job only once another one is warm: until then any other seat serves better. */
  leave(running: Decoder | null): void {
    if (running !== null && running === this.#current) this.#forget();
    void this.#warm().then(() => this.#free(this));
  }

  async #started(): Promise<Decoder> {
    try {
      const decoder = await this.#start();
      this.#current = decoder;
      void decoder.exited.then(() => {
        if (decoder !== this.#current) return;
        this.#forget();
        void this.#warm();
      });
      return decoder;
    } catch (error) {
      this.#starting = null;
      throw error;
    }
  }

  #forget(): void {
    this.#current = null;
    this.#starting = null;
  }

  async #warm(): Promise<void> {
    await this.decoder().catch(this.#onStartFailed);
  }
}
