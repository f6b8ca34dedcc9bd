/** A source of numbers that one seed decides; the same seed gives the same numbers on every machine. */
export type Random = {
  /** A whole number from 0 up to 2³² − 1. */
  draw(): number;
  /** A whole number from 0 up to `limit` − 1. */
  below(limit: number): number;
  /** True once in `1 / share` draws. */
  chance(share: number): boolean;
  pick<T>(items: readonly T[]): T;
};

/** The numbers of one seed (mulberry32: 32 bits of state, passes gjrand; far more than a history draws). */
export function randomFrom(seed: number): Random {
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0;
  const draw = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const below = (limit: number) => draw() % limit;
  return {
    draw,
    below,
    chance: (share) => draw() < share * 2 ** 32,
    pick: (items) => items[below(items.length)]!,
  };
}
