import type { Clock } from "@strongroom/core/clock";
import type { QueueName } from "@strongroom/core/ports/queue";
import { fairShareOf, TenantsTogether } from "@strongroom/core/tenants-together";

/** So seldom `late` is looked into all the same: what else waits in it, over-age, must not wait for the end of a flood. */
const restMs = 1_000;

/**
 * How much of a worker one company may have while others' fresh documents come in: half of its decoders. What it has beyond its
 * turn comes out of `late`, so that queue rests while the company that it served last has that much in hand.
 */
export class FairShare {
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #decoders: number;
  readonly #inHand = new Map<string, number>();
  readonly #fresh = new TenantsTogether();
  #late = { tenantId: "", atMs: -Infinity };

  constructor(clock: Pick<Clock, "monotonicMs">, decoders: number) {
    this.#clock = clock;
    this.#decoders = decoders;
  }

  /** Notes a document that is taken in hand; what it answers is to be called, once, when it is out of it. */
  take(queue: QueueName, tenantId: string): () => void {
    const atMs = this.#clock.monotonicMs();
    if (queue === "late") this.#late = { tenantId, atMs };
    else this.#fresh.note(tenantId, atMs);
    this.#count(tenantId, 1);
    return () => this.#count(tenantId, -1);
  }

  /** Whether more may be taken out of `late` now. */
  get allowsLate(): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (!this.#fresh.areAt(nowMs) || nowMs - this.#late.atMs >= restMs) return true;
    return (this.#inHand.get(this.#late.tenantId) ?? 0) < fairShareOf(this.#decoders, true);
  }

  #count(tenantId: string, by: 1 | -1): void {
    const count = (this.#inHand.get(tenantId) ?? 0) + by;
    if (count > 0) this.#inHand.set(tenantId, count);
    else this.#inHand.delete(tenantId);
  }
}
