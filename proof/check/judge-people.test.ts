import { expect, test } from "vitest";
import { drop, entry, type Run, row, set } from "../chaos/change-run.ts";
import { ago, rejected, stored, tenant, waiting } from "../chaos/honest-names.ts";
import { honestRun } from "../chaos/honest-run.ts";
import { holds, judge, statusOf, verdictTable } from "./judge.ts";
import type { Entry } from "./judged-run.ts";

const planted: [string, string, (run: Run) => unknown][] = [
  ["I9", "a failure has no reason", (run) => set(row(run, rejected), { reason: null })],
  ["I9", "a failure was listed without a reason", (run) => set(entry(run, "redriven"), { reason: null })],
  [
    "I9",
    "a failure is not in its owner's list",
    (run) => {
      const listed = entry(run, "listed");
      if (listed.what === "listed") listed.documents.pop();
    },
  ],
  [
    "I9",
    "nobody was told of a failure",
    (run) => drop(run.tables.push_inbox, ({ tag }) => tag.startsWith(rejected)),
  ],
  [
    "P14",
    "a living token got nothing",
    (run) => drop(run.tables.push_inbox, ({ tag }) => tag.startsWith(stored)),
  ],
  [
    "P14",
    "a token got what is not its own",
    (run) => run.tables.push_inbox.push({ token: "live", tag: `${waiting}.1` }),
  ],
  [
    "P14",
    "a phone is kept nowhere",
    (run) => drop(run.tables.device, ({ dropped_at }) => dropped_at === null),
  ],
  [
    "P14",
    "a token was altered, and what was due went to the altered one",
    (run) => {
      set(run.tables.device[0]!, { push_token: "liv" });
      for (const sent of run.tables.push_inbox) set(sent, { token: "liv" });
    },
  ],
  ["P14", "a phone is somebody else's now", (run) => set(run.tables.device[0]!, { user_id: tenant })],
  ["P14", "a living token was dropped", (run) => set(run.tables.device[0]!, { dropped_at: ago(1) })],
  [
    "P14",
    "a notice tells what the document says",
    (run) => set(entry(run, "notice"), { fields: ["tag", "text"] }),
  ],
  ["P14", "no phone listened", (run) => drop(run.history, (one) => one.what === "listening")],
  ["P14", "the phone never heard it", (run) => drop(run.history, (one) => one.what === "notice")],
  ["P9", "a grant took too long", (run) => set(entry(run, "probe"), { tookMs: 2_500 })],
  ["P9", "a 503 does not say when to come back", (run) => set(entry(run, "probe"), { hasRetryAfter: false })],
  [
    "P9",
    "a grant took too long on a slow machine",
    (run) => set(entry(run, "probe"), { tookMs: 2_450, controlMs: 440 }),
  ],
  ["P9", "a grant got no answer", (run) => set(entry(run, "probe"), { status: null })],
  ["P9", "the API itself did not answer", (run) => set(entry(run, "probe"), { isControlled: false })],
  ["P9", "nobody asked while something was away", (run) => set(entry(run, "injury"), { kind: "keys away" })],
  ["P9", "nobody felt that the database was away", (run) => set(entry(run, "probe"), { status: 201 })],
  ["P9b", "nothing was stored while push was down", (run) => set(entry(run, "during"), { stored: 0 })],
  ["P9b", "a single one was stored while push was down", (run) => set(entry(run, "during"), { stored: 1 })],
  [
    "P9b",
    "less than half was stored while push was down",
    (run) => set(entry(run, "during"), { offered: 101, stored: 50 }),
  ],
  [
    "P9b",
    "next to nothing was there to store while push was down",
    (run) => set(entry(run, "during"), { offered: 4, stored: 4 }),
  ],
  [
    "P9b",
    "nobody counted while the stream was down",
    (run) => run.history.push({ ...entry(run, "injury"), kind: "stream away" } as Entry),
  ],
];

test.each(planted)("%s is broken when %s", (id, _title, plant) => {
  const run = honestRun();
  plant(run);
  const broken = judge(run).filter(({ violations }) => violations.length > 0);
  expect(broken.map((verdict) => verdict.id)).toContain(id);
});

test("a grant beside which the API itself was too slow counts apart, when it is one of many", () => {
  const run = honestRun();
  const probe = entry(run, "probe");
  for (let n = 0; n < 4; n += 1) run.history.push({ ...probe });
  const probed = () => judge(run).find(({ id }) => id === "P9")!;
  expect(probed()).toMatchObject({ looked: 5, unjudged: 0, violations: [] });
  set(probe, { tookMs: 8_000, controlMs: 7_000 });
  expect(probed()).toMatchObject({ looked: 4, unjudged: 1, violations: [] });
  expect(verdictTable([probed()])).toContain("of 1 more nothing can be said");
});

const tooSlow: [string, (run: Run) => unknown][] = [
  [
    "everything took as long as a grant",
    (run) => set(entry(run, "probe"), { tookMs: 8_000, controlMs: 7_900 }),
  ],
  [
    "the time of a third of the grants says nothing",
    (run) => {
      const probe = entry(run, "probe");
      run.history.push({ ...probe }, { ...probe, controlMs: 501 } as Entry);
    },
  ],
  [
    "no grant was timed while the keys were away",
    (run) => {
      const probe = entry(run, "probe");
      run.history.push({ ...entry(run, "injury"), kind: "keys away" } as Entry);
      for (let n = 0; n < 9; n += 1) run.history.push({ ...probe });
      run.history.push({ ...probe, away: "keys", controlMs: 501 } as Entry);
    },
  ],
];

test.each(tooSlow)("P9 is not judged, neither held nor broken, when %s", (_title, plant) => {
  const run = honestRun();
  expect(statusOf(judge(run))).toBe(0);
  plant(run);
  const verdicts = judge(run);
  expect(verdicts.filter((verdict) => !holds(verdict)).map(({ id }) => id)).toEqual(["P9"]);
  expect(verdicts.flatMap(({ violations }) => violations)).toEqual([]);
  expect(statusOf(verdicts)).toBe(3);
  const table = verdictTable(verdicts);
  expect(table).toMatch(/^NOT JUDGED {2}P9 /m);
  expect(table).toMatch(/the machine was too slow: .*; run it again with nothing beside it$/m);
  expect(table).not.toContain("BROKEN");
  set(entry(run, "probe"), { status: null });
  expect(statusOf(judge(run))).toBe(1); // what is broken is broken on any machine
});
