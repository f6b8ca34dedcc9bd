/** Time, as the domain sees it. Leases are judged by the database's clock alone, never by this one. */
export interface Clock {
  /** Wall-clock time, for stamps that people read. */
  now(): Date;
  /** Milliseconds that never run backwards, for deadlines and durations. */
  monotonicMs(): number;
  /** Resolves after `delayMs`, or at once when the signal aborts; never rejects. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

/** The clock of this machine. */
export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  sleep: (delayMs, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, delayMs);
      signal?.addEventListener("abort", done);
    }),
};
