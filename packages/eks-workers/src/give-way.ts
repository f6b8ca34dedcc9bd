import type { Clock } from "@strongroom/core/clock";

/** Whose documents were so often worked on within the last second sends more than others wait for: drivers send one now and then. */
const much = { documents: 4, withinMs: 1_000 };
/** No document waits longer for others'. */
const mostMs = 250;

type Work = { tenantId: string; atMs: number };

/**
 * Lets a company that floods wait, a moment for each document, while those of others are worked on. On one machine all work shares
 * its cores with the API and the database: what one company has in hand makes each step of the others' take longer
 * (docs/decisions/0022). Companies that all send much do not wait for one another.
 */
export class GiveWay {
  readonly #clock: Pick<Clock, "monotonicMs" | "sleep">;
  readonly #atWork = new Map<string, number>();
  #lately: Work[] = [];
  #change = new AbortController();

  constructor(clock: Pick<Clock, "monotonicMs" | "sleep">) {
    this.#clock = clock;
  }

  /** Resolves when a document of this tenant may be worked on; what it answers is to be called, once, when that is over. */
  async enter(tenantId: string): Promise<() => void> {
    const untilMs = this.#clock.monotonicMs() + mostMs;
    for (;;) {
      const leftMs = untilMs - this.#clock.monotonicMs();
      if (leftMs <= 0 || !this.#mustWait(tenantId)) break;
      await this.#clock.sleep(leftMs, this.#change.signal);
    }
    this.#count(tenantId, 1);
    return () => {
      this.#lately.push({ tenantId, atMs: this.#clock.monotonicMs() });
      this.#count(tenantId, -1);
      this.#change.abort();
      this.#change = new AbortController();
    };
  }

  #mustWait(tenantId: string): boolean {
    const sinceMs = this.#clock.monotonicMs() - much.withinMs;
    this.#lately = this.#lately.filter(({ atMs }) => atMs > sinceMs);
    return this.#hasMuch(tenantId) && [...this.#atWork.keys()].some((other) => !this.#hasMuch(other));
  }

  #hasMuch(tenantId: string): boolean {
    return this.#lately.filter((work) => work.tenantId === tenantId).length >= much.documents;
  }

  #count(tenantId: string, by: 1 | -1): void {
    const count = (this.#atWork.get(tenantId) ?? 0) + by;
    if (count > 0) this.#atWork.set(tenantId, count);
    else this.#atWork.delete(tenantId);
  }
}
