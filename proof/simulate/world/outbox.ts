import type { SimulatedPostgres } from "../database/simulated-database.ts";
import type { Process } from "./process.ts";
import { type Schedule, type Step, waiting } from "./schedule.ts";

/** Wakes relays when there is something to publish: in production they look four times a second, to the same end. */
export class Outbox {
  readonly #schedule: Schedule;
  readonly #postgres: SimulatedPostgres;
  #waiters: Step[] = [];

  constructor(schedule: Schedule, postgres: SimulatedPostgres) {
    this.#schedule = schedule;
    this.#postgres = postgres;
  }

  /** Resolves once an event waits, or the signal aborts. */
  async filled(process: Process, signal?: AbortSignal): Promise<void> {
    const ring = () => this.ring();
    signal?.addEventListener("abort", ring, { once: true });
    await this.#schedule.call(
      process,
      "look into the outbox",
      (step) => {
        if (signal?.aborted || this.#isFilled()) return;
        this.#waiters.push(step);
        return waiting;
      },
      { exempt: true },
    );
    signal?.removeEventListener("abort", ring);
  }

  ring(): void {
    for (const step of this.#waiters.splice(0)) this.#schedule.wake(step);
  }

  #isFilled(): boolean {
    return this.#postgres.tables
      .get("outbox")!
      .entries.some(({ committed }) => committed !== null && committed["published_at"] === null);
  }
}
