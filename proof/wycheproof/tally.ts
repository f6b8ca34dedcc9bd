import type { Vector } from "./vectors.ts";

/** How vectors were judged: how many rightly, of each kind, and a line for each that was not. */
export type Tally = {
  /** Valid, and accepted. */
  valid: number;
  /** Invalid, and refused. */
  invalid: number;
  /** Either would be right: whether they were accepted. */
  acceptable: { accepted: number; refused: number };
  wrong: string[];
};

/** Puts every vector to `accepts`; what it throws is a refusal. */
export async function tally<V extends Vector>(
  vectors: readonly V[],
  accepts: (vector: V) => boolean | Promise<boolean>,
): Promise<Tally> {
  const found: Tally = { valid: 0, invalid: 0, acceptable: { accepted: 0, refused: 0 }, wrong: [] };
  for (const vector of vectors) count(found, vector, await answerOf(() => accepts(vector)));
  return found;
}

async function answerOf(ask: () => boolean | Promise<boolean>): Promise<boolean> {
  try {
    return await ask();
  } catch {
    return false;
  }
}

function count(found: Tally, { result, tcId, comment }: Vector, accepted: boolean): void {
  if (result === "acceptable") found.acceptable[accepted ? "accepted" : "refused"] += 1;
  else if (accepted === (result === "valid")) found[result] += 1;
  else found.wrong.push(`${tcId} is ${result} and was ${accepted ? "accepted" : "refused"}: ${comment}`);
}
