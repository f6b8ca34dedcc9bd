import type { Random } from "../random.ts";

/** What may befall a step of a process. */
export const faultKinds = ["kill before", "kill after", "fail before", "fail after", "freeze"] as const;
export type FaultKind = (typeof faultKinds)[number];

/** Chances of one step, in a storm of strength 1. */
const chances: readonly [FaultKind, number][] = [
  ["kill before", 0.003],
  ["kill after", 0.003],
  ["fail before", 0.006],
  ["fail after", 0.006],
  ["freeze", 0.003],
];

/**
 * How rough a history is: many are mild, since a storm drowns the rare order of events that breaks something, and few calm,
 * since those find next to nothing.
 */
export const strengths = [0, 0.5, 0.5, 1, 1, 2, 2, 4, 4] as const;

/** Decides by one draw what befalls a step; null for most. */
export function drawFault(random: Random, strength: number): FaultKind | null {
  let rest = random.draw() / 2 ** 32 / strength;
  for (const [kind, chance] of chances) {
    if (rest < chance) return kind;
    rest -= chance;
  }
  return null;
}

/** Something that the simulation cannot do: no fault of a history, it ends the run. */
export class NotModelled extends Error {
  /** The last one that no run has ended with yet: whoever called the model may have made an outage of it. */
  static last: NotModelled | null = null;

  constructor(message: string) {
    super(message);
    NotModelled.last = this;
  }

  /** Throws the last one. */
  static check(): void {
    const { last } = NotModelled;
    NotModelled.last = null;
    if (last !== null) throw last;
  }
}

/** A connection that broke: it is not known whether the other side acted. */
export function lostConnection(): Error {
  return Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
}
