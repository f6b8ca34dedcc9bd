import { measureSlowness } from "../chaos/come-to-rest.ts";

/** So many times longer than planned, documents may take to come: the fifth that the promise leaves. */
const lateAtMost = 1.2;
/** A machine that is more than so many times as slow as an idle one is slow. */
const slownessAtMost = 1.2;
/** Spins of a measurement: one looks slow that lost a single slice of the processor; most of so many do so on a slow machine alone. */
const spins = 9;

/** How many times as slow as an idle one the machine is now, by the median of several spins, half a second together; nothing of ours may run. */
export function measureMachine(spin: () => number = measureSlowness): number {
  const measured = Array.from({ length: spins }, () => spin());
  return measured.toSorted((one, other) => one - other)[Math.floor(spins / 2)]!;
}

/**
 * Throws when documents did not come at their pace: how often something is asked grows with the time that it is away, and
 * shrinks with how many documents share a request, so that beyond the fifth that the promise leaves, a count would say as much
 * of the pace as of what is asked. Nothing can be judged when it was the machine that was too slow, as spins told that have
 * nothing to do with the system (`slowness`: times as long as on an idle machine); else the system held them up, and broke the promise.
 * Both times in milliseconds. Whatever the spins miss, because it came and went between them, costs a run: it excuses nothing.
 */
export function refuseSlow(when: string, tookMs: number, plannedMs: number, slowness: number): void {
  if (tookMs <= lateAtMost * plannedMs) return;
  const [took, planned] = [tookMs, plannedMs].map((ms) => (ms / 1_000).toFixed(1));
  throw new Error(
    slowness > slownessAtMost
      ? `NOT JUDGED: the machine was ${slowness.toFixed(1)} times as slow as an idle one: ${when}, documents that were to come within ${planned} s took ${took} s; run this file again with nothing beside it`
      : `${when}, the system took ${took} s for documents that were to come within ${planned} s, and the machine was not slow before or after`,
  );
}
