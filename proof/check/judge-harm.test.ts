import { seededRandom } from "@strongroom/local/test-random";
import { expect, test } from "vitest";
import { honestRun } from "../chaos/honest-run.ts";
import { type End, type FaultKind, type KilledPart, killedParts } from "./demands.ts";
import { leastStruck } from "./judge-harm.ts";
import { holds, judge } from "./judge.ts";
import type { EntryOf } from "./judged-run.ts";

type Run = ReturnType<typeof honestRun>;
const injury = (run: Run, kind: string) =>
  run.history.find((one) => one.what === "injury" && one.kind === kind) as EntryOf<"injury">;
const brokenIn = (run: Run) =>
  judge(run)
    .filter((verdict) => !holds(verdict))
    .map(({ id, violations }) => [id, ...violations]);

/** What only looks like the end that was meant. */
const noEnd: [string, Partial<End>][] = [
  ["was gone before", { wasAlive: false }],
  ["ended by itself", { code: 1, signal: null }],
  ["died of something else", { signal: "SIGSEGV" }],
  ["was never seen to end", { code: null, signal: null }],
];

const demandOf = (part: KilledPart): string => `processes of ${part} died of SIGKILL: 0, not 1`;

test.each(killedParts.flatMap((part) => noEnd.map(([how, end]) => [part, how, end] as const)))(
  "P1 is broken when a signal was sent to the %s, which %s",
  (part, _how, end) => {
    const run = honestRun();
    Object.assign(injury(run, `kill ${part}`).ends[0]!, end);
    expect(brokenIn(run)).toEqual([["P1", ...togetherIf(part), demandOf(part)]]);
  },
);

const togetherIf = (part: KilledPart): string[] =>
  ["decoder", "postgres"].includes(part)
    ? []
    : ["processes of workers, relay and ingest died of SIGKILL: 3, not 4"];

test.each(killedParts)("P1 is broken when nobody killed the %s, however often others were killed", (part) => {
  const run = honestRun();
  const [own, other] = [injury(run, `kill ${part}`), part === "relay" ? "main" : "relay"] as const;
  own.ends = [];
  for (let n = 0; n < 9; n += 1) run.history.push({ ...injury(run, `kill ${other}`) });
  expect(brokenIn(run)).toEqual([["P1", demandOf(part)]]);
});

test("a relay that dies before its mark is none of the kills that are promised besides", () => {
  const run = honestRun();
  run.demands.kills.together = 5;
  expect(brokenIn(run)).toEqual([["P1", "processes of workers, relay and ingest died of SIGKILL: 4, not 5"]]);
});

test.each(noEnd)("P4 is broken when a relay was to die before its mark, and %s", (_how, end) => {
  const run = honestRun();
  Object.assign(injury(run, "kill relay before its mark").ends[0]!, end);
  expect(brokenIn(run)).toEqual([["P4", "1 relays died between publish and mark, not 2"]]);
});

const noStop: [string, (ends: End[]) => unknown][] = [
  ["was gone before", (ends) => Object.assign(ends[1]!, { wasAlive: false })],
  ["had to be killed", (ends) => Object.assign(ends[1]!, { code: null, signal: "SIGKILL" })],
  ["was never seen to end", (ends) => Object.assign(ends[1]!, { code: null, signal: null })],
  ["ended with an error", (ends) => Object.assign(ends[1]!, { code: 1 })],
  [
    "died of the signal, as one that has not loaded its code",
    (ends) => Object.assign(ends[1]!, { code: null, signal: "SIGTERM" }),
  ],
  ["was left out", (ends) => ends.splice(1, 1)],
];

test.each(noStop)("P1 is broken when in the rolling restart a worker %s", (_how, spoil) => {
  const run = honestRun();
  spoil(injury(run, "restart workers").ends);
  expect(brokenIn(run)).toEqual([["P1", "rolling restarts: 0, not 1"]]);
});

const tallyIn = (run: Run) => run.history.find(({ what }) => what === "faults") as EntryOf<"faults">;

test.each<[FaultKind, number, number]>([
  ["error", 1_765, 40_000],
  ["lost", 963, 38_000],
  ["duplicate", 1_765, 20_000],
  ["drop", 13, 10_000],
])("P1b is broken when the fault %s strikes too seldom, and not one above", (kind, least, asked) => {
  const run = honestRun();
  tallyIn(run).tally[kind].struck = least;
  expect(brokenIn(run)).toEqual([]);
  tallyIn(run).tally[kind].struck -= 1;
  expect(brokenIn(run)).toEqual([
    ["P1b", `of ${asked} struck by the fault "${kind}": ${least - 1}, not ${least}`],
  ]);
});

test.each(["error", "lost", "duplicate", "drop"] as const)(
  "P1b is broken when the fault %s could hardly ever strike",
  (kind) => {
    const run = honestRun();
    tallyIn(run).tally[kind] = { asked: 9_999, struck: 9_999 };
    expect(brokenIn(run)).toEqual([
      ["P1b", `times that the fault "${kind}" could have struck: 9999, not 10000`],
    ]);
  },
);

test("P1b is broken when nobody counted the faults", () => {
  const run = honestRun();
  run.history = run.history.filter(({ what }) => what !== "faults");
  expect(brokenIn(run)).toEqual([
    ["P1b", ...Array.from({ length: 4 }, () => expect.stringContaining(": 0, not 10000"))],
  ]);
});

test("chance does not go below what is demanded: ten thousand sound runs, and one with half of the faults is found", () => {
  const random = seededRandom(7);
  const struckOf = (share: number, asked: number) =>
    Array.from({ length: asked }, random).filter((drawn) => drawn < share).length;
  for (let run = 0; run < 10_000; run += 1) {
    expect(struckOf(0.1, 400)).toBeGreaterThanOrEqual(leastStruck(0.1, 400));
  }
  expect(struckOf(0.025, 6_000)).toBeLessThan(leastStruck(0.05, 6_000));
  expect(leastStruck(0.005, 5_000)).toBe(0); // so few that none may be chance
});
