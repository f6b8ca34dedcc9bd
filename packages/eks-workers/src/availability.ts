import type { Ports } from "@strongroom/core/ports/ports";

/** So many different things that fail, and none that goes well between them, are no fault of theirs. */
const awayAfter = 3;

/**
 * Whether what a worker needs seems to be there. While it seems away one thing is tried at a time, ever more seldom (from
 * `rest` to `restCap`), until one goes well: what is down is not asked more often than what works, and its return does not
 * meet a crowd.
 */
export class Availability {
  readonly #ports: Pick<Ports, "clock" | "config">;
  readonly #faults = new Set<string>();
  #rests = 0;
  #dueMs = 0;
  #recovery = new AbortController();

  constructor(ports: Pick<Ports, "clock" | "config">) {
    this.#ports = ports;
  }

  get seemsAway(): boolean {
    return this.#faults.size >= awayAfter;
  }

  /** Something failed; a thing that fails again and again counts once. */
  failed(what: string): void {
    const wasAway = this.seemsAway;
    this.#faults.add(what);
    if (this.seemsAway && !wasAway) this.#rest();
  }

  /** Something went well: whoever waits for a turn has it at once. */
  worked(): void {
    if (this.#faults.size === 0) return;
    this.#faults.clear();
    this.#rests = 0;
    this.#wake();
  }

  /** What was tried last needed nothing, and so said nothing: the next may be tried at once. */
  spared(): void {
    if (!this.seemsAway) return;
    this.#rests = Math.max(0, this.#rests - 1);
    this.#dueMs = 0;
    this.#wake();
  }

  /** Whether the next thing may be tried now: while all seems away, one at the end of each rest. */
  mayTry(): boolean {
    if (!this.seemsAway) return true;
    if (this.#ports.clock.monotonicMs() < this.#dueMs) return false;
    this.#rest();
    return true;
  }

  /** Resolves when the next thing may be tried, or when all is to stop; of several that wait, one at the end of each rest. */
  async turn(stopping: AbortSignal): Promise<void> {
    do await this.due(stopping);
    while (!stopping.aborted && !this.mayTry());
  }

  /** Resolves when the next thing might be tried, or when all is to stop. Takes no turn: there may be nothing to try. */
  async due(stopping: AbortSignal): Promise<void> {
    const { clock } = this.#ports;
    while (this.seemsAway && !stopping.aborted && clock.monotonicMs() < this.#dueMs) {
      const untilEither = AbortSignal.any([stopping, this.#recovery.signal]);
      await clock.sleep(Math.ceil(this.#dueMs - clock.monotonicMs()), untilEither);
    }
  }

  #wake(): void {
    this.#recovery.abort();
    this.#recovery = new AbortController();
  }

  #rest(): void {
    const { clock, config } = this.#ports;
    const { rest, restCap } = config.periods;
    this.#dueMs = clock.monotonicMs() + Math.min(restCap, rest * 2 ** Math.min(this.#rests++, 20));
  }
}
