import { setTimeout as timer } from "node:timers/promises";

/** How failed requests are tried again: bounded, with full jitter. */
export type Patience = {
  /** Tries in all, the first included. */
  tries: number;
  /** The same with a server that has answered before: it is being started anew, and not at a wrong address. */
  triesOnceMet: number;
  /** Upper bound of the first wait; it doubles with each try. */
  baseMs: number;
  /** No wait is longer; a server that asks for more is told to the person instead. */
  capMs: number;
  /** A request without any sign of life for this long is given up. */
  silenceMs: number;
  /** Resolves after the delay; rejects with the signal's reason when it aborts. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
  /** From 0 to 1. */
  random(): number;
};

/**
 * The patience of the command line: six tries, about 4 s of waiting on average; eleven and a minute and a half with a server that
 * has answered before; never more than 60 s at a time.
 */
export const defaultPatience: Patience = {
  tries: 6,
  triesOnceMet: 11,
  baseMs: 250,
  capMs: 60_000,
  silenceMs: 30_000,
  random: Math.random,
  sleep: async (delayMs, signal) => {
    try {
      await timer(delayMs, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  },
};

/**
 * Milliseconds to wait after the `failures`-th failure in a row (from 1); null when there is to be no further try.
 * Full jitter, on top of `retryAfterSeconds` when the server named a time.
 */
export function waitAfter(
  patience: Patience,
  failures: number,
  retryAfterSeconds: number | null = null,
): number | null {
  const atLeastMs = (retryAfterSeconds ?? 0) * 1000;
  if (failures >= patience.tries || atLeastMs > patience.capMs) return null;
  const jitterMs = patience.random() * Math.min(patience.capMs, patience.baseMs * 2 ** (failures - 1));
  return Math.round(Math.min(patience.capMs, atLeastMs + jitterMs));
}
