import { setTimeout as timer } from "node:timers/promises";

/** Milliseconds, from the start, at which something arrives; rising. */
export type Schedule = readonly number[];

/** A Poisson process: waits between arrivals are exponential, so that arrivals bunch as those of strangers do. */
export function poisson(random: () => number, perSecond: number, seconds: number): Schedule {
  const arrivals: number[] = [];
  for (let at = 0; ;) {
    at += (-Math.log(1 - random()) / perSecond) * 1_000;
    if (at >= seconds * 1_000) return arrivals;
    arrivals.push(at);
  }
}

/** When it was to begin and when it ended, in milliseconds of the wall clock; `error` when it failed. */
export type Sent<T> = { intendedMs: number; endedMs: number; answer: T | null; error: Error | null };

/**
 * Starts each at its time, whether or not the ones before were answered, and resolves when all have ended. A sender that is
 * late itself gains nothing by it: `intendedMs` is the time of the schedule (no coordinated omission).
 */
export async function runOpenLoop<T>(
  schedule: Schedule,
  send: (index: number) => Promise<T>,
): Promise<Sent<T>[]> {
  const startMs = wallMs();
  const under: Promise<Sent<T>>[] = [];
  for (const [index, at] of schedule.entries()) {
    const intendedMs = startMs + at;
    const aheadMs = intendedMs - wallMs();
    if (aheadMs > 0) await timer(aheadMs);
    under.push(settle(intendedMs, send(index)));
  }
  return await Promise.all(under);
}

async function settle<T>(intendedMs: number, sending: Promise<T>): Promise<Sent<T>> {
  try {
    const answer = await sending;
    return { intendedMs, endedMs: wallMs(), answer, error: null };
  } catch (error) {
    return { intendedMs, endedMs: wallMs(), answer: null, error: error as Error };
  }
}

/** The wall clock, with fractions of a millisecond. */
export const wallMs = (): number => performance.timeOrigin + performance.now();
