/** How a run is made: `quick` for a smoke test of all rows, `files` a directory with real photos and PDFs. */
export type BenchOptions = { quick: boolean; files: string | null };

/** One figure of ours beside its limit, measured in turns in one run. `ratio` is ours over the limit. */
export type Race = {
  name: string;
  unit: string;
  /** Null when it was not run. */
  ours: Spread | null;
  limitName: string;
  limit: Spread | null;
  ratio: number | null;
  goal: string;
  /** Null where there is no goal, or nothing to compare with. */
  met: boolean | null;
  /** Why it was not run. */
  skipped: string | null;
};
export type Spread = { min: number; median: number; max: number; runs: number };

/** A goal in words, and whether it is met; not asked when there was nothing to compare with (`ratio` NaN otherwise). */
export type Goal = { goal: string; isMet: ((ours: number, ratio: number) => boolean) | null };
type Named = Goal & { name: string; unit: string; limitName: string };

/** Minimum, median and maximum of some measurements. */
function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { min: sorted[0]!, median, max: sorted.at(-1)!, runs: sorted.length };
}

type Racers = Named & {
  rounds: number;
  ours: () => Promise<number>;
  /** Null: the tool is not on this machine. */
  limit: (() => Promise<number>) | null;
};

/** Lets both run in turns, `rounds` times after one that does not count: noise of the machine meets both alike. */
export async function race({ rounds, ours, limit, ...about }: Racers): Promise<Race> {
  if (limit === null) return skip(about, `${about.limitName}: not on this machine`);
  const mine: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const [one, other] = [await ours(), await limit()];
    if (round === 0) continue;
    mine.push(one);
    theirs.push(other);
  }
  const ratio = spread(mine.map((value, index) => value / theirs[index]!)).median;
  return judge(about, spread(mine), spread(theirs), ratio);
}

/** A figure that was measured or counted by other means, with its limit if there is one. */
export function figure(about: Named, ours: readonly number[], limit: readonly number[] = []): Race {
  const [mine, theirs] = [spread(ours), limit.length > 0 ? spread(limit) : null];
  return judge(about, mine, theirs, theirs && mine.median / theirs.median);
}

/** A row that could not be run here. */
export function skip({ name, unit, limitName, goal }: Omit<Named, "isMet">, skipped: string): Race {
  return { name, unit, ours: null, limitName, limit: null, ratio: null, goal, met: null, skipped };
}

function judge(
  { name, unit, limitName, goal, isMet }: Named,
  ours: Spread,
  limit: Spread | null,
  ratio: number | null,
): Race {
  const met = isMet && isMet(ours.median, ratio ?? Number.NaN);
  return { name, unit, ours, limitName, limit, ratio, goal, met, skipped: null };
}
