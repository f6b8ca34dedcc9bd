import type { Clock } from "@strongroom/core/clock";
import type { QueueName } from "@strongroom/core/ports/queue";
import { fairShareOf, TenantsTogether } from "@strongroom/core/tenants-together";

/**
 * So seldom `late` is looked into all the same, by what its last bell was for: what else waits in it, over-age, must not wait for
 * the end of a flood, nor for all the bells of it that are rung a second time and find nothing to do.
 */
const restMs = { work: 1_000, nothing: 50 };

/** `aside`: documents in hand that take nobody's decoder. */
type Hands = { decoders: number; aside: () => number };

/**
 * How much of a worker one company may have while others' fresh documents come in: half of its decoders. What it has beyond its
 * turn comes out of `late`, so that queue rests while the company that it served last has that much in hand.
 */
export class FairShare {
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #hands: Hands;
  readonly #inHand = new Map<string, number>();
  readonly #fresh = new TenantsTogether();
  #late = { tenantId: "", restsUntilMs: -Infinity };

  constructor(clock: Pick<Clock, "monotonicMs">, hands: Hands) {
    this.#clock = clock;
    this.#hands = hands;
  }

  /** Notes a document that is taken in hand; what it answers is to be called, once, with whether there was anything to do. */
  take(queue: QueueName, tenantId: string): (wasWork: boolean) => void {
    const atMs = this.#clock.monotonicMs();
    const seen = { tenantId, restsUntilMs: atMs + restMs.work };
    if (queue === "late") this.#late = seen;
    else this.#fresh.note(tenantId, atMs);
    this.#count(tenantId, 1);
    return (wasWork) => {
      if (!wasWork) seen.restsUntilMs = atMs + restMs.nothing;
      this.#count(tenantId, -1);
    };
  }

  /** How many more may be taken out of `late` now. */
  get lateRoom(): number {
    const nowMs = this.#clock.monotonicMs();
    if (!this.#fresh.areAt(nowMs)) return Infinity;
    const share = fairShareOf(this.#hands.decoders, true) + this.#hands.aside();
    const room = share - (this.#inHand.get(this.#late.tenantId) ?? 0);
    return Math.max(room, nowMs < this.#late.restsUntilMs ? 0 : 1);
  }

  #count(tenantId: string, by: 1 | -1): void {
    const count = (this.#inHand.get(tenantId) ?? 0) + by;
    if (count > 0) this.#inHand.set(tenantId, count);
    else this.#inHand.delete(tenantId);
  }
}
