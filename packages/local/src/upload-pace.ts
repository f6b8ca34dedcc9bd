import type { Clock } from "@strongroom/core/clock";
import { TenantsTogether } from "@strongroom/core/tenants-together";

/** `perSecond`: half of the 32 photos of one megapixel that two decoders on two cores process in a second (docs/decisions/0022). `burst`: at once, after a rest. */
export const uploadPace = (decoders: number) => ({
  perSecond: 8 * decoders,
  burst: 8,
  /** So much faster they begin that still wait once nobody else's come: not all at once, or whoever comes next meets them all. */
  timesAlone: 4,
  /** Nobody waits longer, however long the line: clients give up a connection without a sign of life after 30 s. */
  patienceMs: 20_000,
});
type Pace = ReturnType<typeof uploadPace>;

type Waiting = { sinceMs: number; begin: () => void };
type Line = { tokens: number; countedMs: number; waiting: Waiting[] };

/**
 * Lets the uploads of each tenant begin at a pace while others' come in too, first come, first served; at once while they do not. A server
 * on one machine takes them in with the cores that process them, for all tenants: one company's flood would have both.
 */
export class UploadPace {
  readonly #clock: Pick<Clock, "monotonicMs" | "sleep">;
  readonly #pace: Pace;
  readonly #together = new TenantsTogether();
  readonly #lines = new Map<string, Line>();

  constructor(clock: Pick<Clock, "monotonicMs" | "sleep">, pace: Pace) {
    this.#clock = clock;
    this.#pace = pace;
  }

  /** Resolves when an upload of this tenant may begin; one that is given up meanwhile has its place in the line all the same. */
  async begin(tenantId: string): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    this.#noteWaiting(nowMs);
    this.#together.note(tenantId, nowMs);
    const line = this.#lines.get(tenantId) ?? { tokens: this.#pace.burst, countedMs: nowMs, waiting: [] };
    if (line.waiting.length === 0 && !this.#together.areAt(nowMs)) return void this.#lines.delete(tenantId);
    this.#lines.set(tenantId, line);
    if (line.waiting.length === 0 && this.#isDue(line, nowMs)) return;
    await new Promise<void>((begin) => {
      line.waiting.push({ sinceMs: nowMs, begin });
      if (line.waiting.length === 1) void this.#serve(line);
    });
  }

  /** Whoever waits comes together with all that come meanwhile. */
  #noteWaiting(nowMs: number): void {
    for (const [tenantId, { waiting }] of this.#lines)
      if (waiting.length > 0) this.#together.note(tenantId, nowMs);
  }

  /** Calls those who wait, one after the other, until nobody does. */
  async #serve(line: Line): Promise<void> {
    while (line.waiting.length > 0) {
      await this.#clock.sleep(1_000 / this.#pace.perSecond);
      const nowMs = this.#clock.monotonicMs();
      const isOver = ({ sinceMs }: Waiting) => nowMs - sinceMs >= this.#pace.patienceMs;
      while (line.waiting.length > 0 && (isOver(line.waiting[0]!) || this.#isDue(line, nowMs)))
        line.waiting.shift()!.begin();
    }
  }

  #isDue(line: Line, nowMs: number): boolean {
    const { perSecond, burst, timesAlone } = this.#pace;
    const pace = this.#together.areAt(nowMs) ? perSecond : perSecond * timesAlone;
    line.tokens = Math.min(burst, line.tokens + ((nowMs - line.countedMs) * pace) / 1_000);
    line.countedMs = nowMs;
    if (line.tokens < 1) return false;
    line.tokens -= 1;
    return true;
  }
}
