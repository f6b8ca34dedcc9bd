import { expect, test } from "vitest";
import { standings } from "../promises/judge.ts";
import { promises } from "../promises/promises.ts";
import { resultOf } from "./record-run.ts";
import type { RunResult } from "./run.ts";
import { readWish } from "./sizes.ts";

const resultWith = (more: Partial<RunResult>): RunResult => ({
  verdicts: [{ id: "P9", promise: "a grant answers", looked: 9, unjudged: 0, tooSlow: [], violations: [] }],
  counts: { kills: { relay: 3, main: 4 } },
  quietMs: 900,
  seconds: 12.5,
  ...more,
});

test.each([
  [["--full", "--divide", "15", "--seed", "7"], "full", { documents: 10_000, tenants: 5, drivers: 200 }],
  [["--documents", "2000", "--seed", "7"], "small", { documents: 2_000, tenants: 4, drivers: 80 }],
] as const)(
  "a run with %j is kept with its size, its seed, and what was done, not planned",
  (args, size, counts) => {
    const result = resultOf(readWish([...args]), resultWith({}));
    expect(result).toMatchObject({
      proof: "chaos",
      size,
      held: true,
      counts: { ...counts, kills: 7, "times as fast as life": 15, looked: 9, violations: 0, seconds: 12.5 },
      detail: { seed: 7, sizes: { timeDivisor: 15 } },
    });
  },
);

test("npm run promises prints the size beside the counts", () => {
  const about = { at: "2026-11-21T03:00:00.000Z", machine: "m", commit: "c" };
  const result = { ...about, ...resultOf(readWish(["--seed", "7"]), resultWith({})) };
  const { proofs } = promises.find(({ id }) => id === "P9")!;
  const [{ counts }] = standings({ id: "P9", says: "", proofs }, new Map([["chaos", result]]));
  expect(counts).toBe(
    "small size; 300 documents, 4 tenants, 24 drivers, 7 kills, 15 times as fast as life, 9 looked, 0 violations, 12.5 seconds; looked at 9 by P9, 0 by P9b",
  );
});

test("a run that the machine was too slow to judge is kept as one that does not hold, with what it was too slow for", () => {
  const [verdict] = resultWith({}).verdicts;
  const slow = { ...verdict!, tooSlow: ["no grant could be timed while keys was away"] };
  const result = resultOf(readWish([]), resultWith({ verdicts: [slow] }));
  expect(result.held).toBe(false);
  expect(result.detail).toMatchObject({
    verdicts: [{ id: "P9", violations: 0, tooSlow: ["no grant could be timed while keys was away"] }],
  });
});
