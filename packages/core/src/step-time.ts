import type { Ports } from "./ports/ports.ts";

/**
 * A step of the reconciler's round goes through what is due for so long at most, in milliseconds. Six steps and the three
 * queues of dead letters come to 45 s of the 55 that the function has; the rest is for what a step has in hand when its time
 * is over, and for steps that are one statement. A store that hangs is waited for as long (`step-store.ts`): from the beginning of
 * a step it costs that step's 5 s, and from its last moment 5 s more, in that one step of the round.
 */
export const stepMs = 5_000;

/** The time of a step that begins now. What it did not come to is the next round's, which has to look at that first. */
export function stepTime({ clock }: Pick<Ports, "clock">): { tookMs: () => number; isOver: () => boolean } {
  const startedMs = clock.monotonicMs();
  const tookMs = () => clock.monotonicMs() - startedMs;
  return { tookMs, isOver: () => tookMs() >= stepMs };
}
