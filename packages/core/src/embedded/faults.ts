/** What an embedded adapter does wrong on purpose, so that tests and proofs meet what a network does. */
export type Faults = {
  /** From 0 up to, but without, 1. */
  random: () => number;
  /** Probability of a second delivery. */
  duplicate: number;
  /** Probability that an order which is not promised is not kept. */
  reorder: number;
  /** Longest extra delay; each is drawn evenly between 0 and this. */
  delayMs: number;
  /** Probability that the server acts, but the caller gets an error. */
  loseAnswer: number;
};

/** Does everything right. */
export const noFaults: Faults = { random: () => 0, duplicate: 0, reorder: 0, delayMs: 0, loseAnswer: 0 };

/** Draws whether a fault of this probability happens now. */
export function strikes(faults: Faults, probability: number): boolean {
  return faults.random() < probability;
}

/** Draws an extra delay in whole milliseconds. */
export function extraDelayMs(faults: Faults): number {
  return Math.floor(faults.random() * faults.delayMs);
}

/** Passes an answer on, or loses it: what was asked for has happened, yet this throws. */
export async function answer<T>(faults: Faults, acting: Promise<T>): Promise<T> {
  const result = await acting;
  if (strikes(faults, faults.loseAnswer)) throw new Error("the connection was lost before the answer came");
  return result;
}
