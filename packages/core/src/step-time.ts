import type { Ports } from "./ports/ports.ts";

/**
 * A step of the reconciler's round goes through what is due for so long at most, in milliseconds. What it has in hand when its time
 * is over waits for the store as long again (`step-store.ts`). Why, and what a round comes to: docs/decisions/0020-sweeps-apart.md.
 */
export const stepMs = 5_000;

/** The time of a step that begins now. What it did not come to is the next round's, which has to look at that first. */
export function stepTime({ clock }: Pick<Ports, "clock">): { tookMs: () => number; isOver: () => boolean } {
  const startedMs = clock.monotonicMs();
  const tookMs = () => clock.monotonicMs() - startedMs;
  return { tookMs, isOver: () => tookMs() >= stepMs };
}
