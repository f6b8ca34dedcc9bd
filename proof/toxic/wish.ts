import { parseArgs } from "node:util";
import { wholeNumber } from "../promises/command-line.ts";

/** How many honest documents go between the hostile ones and alone, and how often each format is cut and changed. */
export type Amount = { honest: number; baseline: number; cuts: number; changes: number };

/** `full` is that of the promise; `small` shows within some minutes that all of it runs. */
const amounts = {
  full: { honest: 1_000, baseline: 300, cuts: 64, changes: 32 },
  small: { honest: 150, baseline: 200, cuts: 4, changes: 3 },
} satisfies Record<string, Amount>;

/** What the command line asks for. */
export type Wish = {
  seed: number;
  size: keyof typeof amounts;
  amount: Amount;
  corpus: string | null;
  broken: boolean;
  record: boolean;
};

/** Reads the command line; throws on what it does not know, and on a record of less than its size says. */
export function readWish(args: string[]): Wish {
  const { values } = parseArgs({
    args,
    options: {
      seed: { type: "string" },
      honest: { type: "string" },
      full: { type: "boolean", default: false },
      corpus: { type: "string" },
      broken: { type: "boolean", default: false },
      record: { type: "boolean", default: false },
    },
  });
  const { full, broken, record, corpus = null } = values;
  if (broken && (full || corpus !== null || values.honest !== undefined))
    throw new Error("--broken has files of its own: it takes --seed and --record only");
  const size = full ? "full" : "small";
  const honest = wholeNumber("honest", values.honest, amounts[size].honest);
  if (record && honest < amounts[size].honest)
    throw new Error(`--record keeps no less than ${amounts[size].honest} honest documents of this size`);
  const seed = wholeNumber("seed", values.seed, 1);
  return { seed, size, amount: { ...amounts[size], honest }, corpus, broken, record };
}
