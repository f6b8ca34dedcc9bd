import { seededRandom } from "@strongroom/local/test-random";
import { expect, test } from "vitest";
import { honestRun } from "../chaos/honest-run.ts";
import {
  type End,
  type FaultKind,
  faultKinds,
  faultsOfPorts,
  faultsOfProcesses,
  type FaultyPort,
  type FaultyProcess,
  type KilledPart,
  killedParts,
  type Struck,
} from "./demands.ts";
import { leastStruck } from "./judge-harm.ts";
import { holds, judge, verdictTable } from "./judge.ts";
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

const tallyOf = (run: Run) => run.history.find(({ what }) => what === "faults") as EntryOf<"faults">;
const struckIn = (run: Run, process: FaultyProcess, port: FaultyPort, fault: FaultKind): Struck =>
  tallyOf(run).tally.find((one) => one.process === process && one.port === port && one.fault === fault)!;

test.each(faultKinds)(
  "P1b is broken when the fault %s strikes a fifth as often as is promised, wherever",
  (kind) => {
    const run = honestRun();
    for (const one of tallyOf(run).tally) if (one.fault === kind) one.struck /= 5;
    const [broken] = brokenIn(run);
    expect(broken?.[0]).toBe("P1b");
    expect(broken?.[1]).toMatch(
      new RegExp(`^of \\d+ struck by the fault "${kind}" \\(everywhere\\): \\d+, not \\d+$`),
    );
  },
);

const everyPlace = Object.entries(faultsOfPorts).flatMap(([port, kinds]) =>
  kinds.map((kind) => [port as FaultyPort, kind] as const),
);

test.each(everyPlace)(
  "P1b is broken when no request to the %s is struck by the fault %s any more",
  (port, kind) => {
    const run = honestRun();
    const all = tallyOf(run).tally;
    const own = all.filter((one) => one.port === port && one.fault === kind);
    for (const one of own) one.struck = 0;
    const others = all.filter((one) => one.port !== port && one.fault === kind);
    for (const one of others) [one.asked, one.struck] = [100 * one.asked, 100 * one.struck]; // as they outweigh it in a run
    expect(brokenIn(run)[0]).toContainEqual(
      expect.stringMatching(new RegExp(`^of \\d+ struck by the fault "${kind}" \\(${port}\\): 0, not [1-9]`)),
    );
  },
);

test.each(everyPlace)("P1b is broken when the %s is not behind the fault %s any more", (port, kind) => {
  const run = honestRun();
  tallyOf(run).tally = tallyOf(run).tally.filter((one) => one.port !== port || one.fault !== kind);
  expect(brokenIn(run)[0]).toContain(
    `times that the fault "${kind}" could have struck (${port}): 0, not 5000`,
  );
});

test.each(Object.keys(faultsOfProcesses) as FaultyProcess[])(
  "P1b is broken when no fault reaches the %s any more",
  (process) => {
    const run = honestRun();
    tallyOf(run).tally = tallyOf(run).tally.filter((one) => one.process !== process);
    for (const kind of faultsOfProcesses[process])
      expect(brokenIn(run)[0]).toContain(
        `times that the fault "${kind}" could have struck (${process}): 0, not 5000`,
      );
  },
);

test("P1b is broken one below what chance allows, and not at that", () => {
  const run = honestRun();
  const [one, least] = [struckIn(run, "notifier", "push", "error"), leastStruck(0.05, 10_000)];
  one.struck = least;
  expect(brokenIn(run)).toEqual([]);
  one.struck -= 1;
  const place = (where: string) =>
    `of 10000 struck by the fault "error" (${where}): ${least - 1}, not ${least}`;
  expect(brokenIn(run)).toEqual([["P1b", place("push"), place("notifier")]]);
});

test("P1b is broken when connections of clients are not struck, or are not many", () => {
  const run = honestRun();
  const { connections } = tallyOf(run);
  connections.replay = { asked: 9_700, struck: 0 };
  expect(brokenIn(run)).toEqual([
    ["P1b", expect.stringMatching(/^of 9700 struck by the fault "replay" \(clients\): 0, not [1-9]\d+$/)],
  ]);
  delete connections.replay;
  expect(brokenIn(run)).toEqual([
    ["P1b", 'times that the fault "replay" could have struck (clients): 0, not 9000'],
  ]);
  expect(judge(run).find(({ id }) => id === "P1b")).toMatchObject({ notes: [] });
});

test("P1b counts each connection once, however many faults could strike it", () => {
  const run = honestRun();
  const verdictOf = () => judge(run).find(({ id }) => id === "P1b")!;
  const { looked } = verdictOf();
  const { connections } = tallyOf(run);
  delete connections.replay;
  expect(verdictOf().looked).toBe(looked);
  run.demands.faults!.clients = { refuse: { share: 0.03, asked: 100 }, replay: { share: 0.05, asked: 100 } };
  Object.assign(connections, { refuse: { asked: 200, struck: 6 }, replay: { asked: 190, struck: 9 } });
  expect(verdictOf()).toMatchObject({ looked: looked - 10_000, unjudged: 200, violations: [] });
});

test("P1b is broken when nobody counted the faults", () => {
  const run = honestRun();
  run.history = run.history.filter(({ what }) => what !== "faults");
  expect(brokenIn(run)[0]).toContain(
    `times that the fault "error" could have struck (everywhere): 0, not 10000`,
  );
});

test("P1b says of which port too few requests were made to demand that any is struck, and does not count those", () => {
  const run = honestRun();
  const verdictOf = () => judge(run).find(({ id }) => id === "P1b")!;
  const before = verdictOf();
  expect(before).toMatchObject({ unjudged: 0, notes: [] });
  run.demands.faults!.apart = 200;
  Object.assign(struckIn(run, "notifier", "push", "error"), { asked: 250, struck: 0 });
  expect(verdictOf()).toMatchObject({
    looked: before.looked - 10_000,
    unjudged: 250,
    notes: [
      'of 250 that "error" could strike (push) none need be struck',
      'of 250 that "error" could strike (notifier) none need be struck',
    ],
    violations: [],
  });
  expect(verdictTable([verdictOf()])).toContain("· of 250 that");
});

test("chance does not go below what is demanded: ten thousand sound runs, and one with half of the faults is found", () => {
  const random = seededRandom(7);
  const struckOf = (share: number, asked: number) =>
    Array.from({ length: asked }, random).filter((drawn) => drawn < share).length;
  for (let run = 0; run < 10_000; run += 1) {
    expect(struckOf(0.1, 400)).toBeGreaterThanOrEqual(leastStruck(0.1, 400));
  }
  expect(struckOf(0.025, 6_000)).toBeLessThan(leastStruck(0.05, 6_000));
});

test.each([0.005, 0.03, 0.05, 0.1])(
  "with a share of %s, none may be chance of fewer than a million to one needs",
  (share) => {
    const enough = Math.ceil(-Math.log(1_000_000) / Math.log(1 - share));
    expect(leastStruck(share, enough)).toBe(1);
    expect(leastStruck(share, enough - 1)).toBe(0);
    expect(leastStruck(share, 0)).toBe(0);
    // Never less than the looser form of the same bound demands.
    for (const asked of [1_000, 10_000, 400_000]) {
      const mean = share * asked;
      expect(leastStruck(share, asked)).toBeGreaterThanOrEqual(
        Math.ceil(mean - Math.sqrt(2 * mean * Math.log(1_000_000))),
      );
    }
  },
);
