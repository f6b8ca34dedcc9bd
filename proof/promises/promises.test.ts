import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { standings } from "./judge.ts";
import { promises } from "./promises.ts";
import { proofSize } from "./proof-size.ts";
import type { ProofResult } from "./result.ts";
import { countTests, provingSuites } from "./suites.ts";

const root = join(import.meta.dirname, "../..");

describe("the promises", () => {
  test("are P1 to P16, each with a proof", () => {
    expect(promises.map(({ id }) => id)).toEqual(Array.from({ length: 16 }, (_, at) => `P${at + 1}`));
    expect(promises.filter(({ proofs }) => proofs.length === 0)).toEqual([]);
  });

  test("name commands and suites that exist", () => {
    const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      scripts: Record<string, string>;
    };
    const commands = promises.flatMap(({ proofs }) =>
      proofs.flatMap((proof) => ("command" in proof ? [proof.command] : [])),
    );
    expect(commands.filter((command) => !scripts[command])).toEqual([]);
    expect(provingSuites().filter((suite) => !existsSync(join(root, suite)))).toEqual([]);
  });
});

const of = (proof: string, rest: Partial<ProofResult>): [string, ProofResult] => [
  proof,
  { proof, at: "2026-11-21T03:00:00.000Z", machine: "m", commit: "c", held: true, counts: {}, ...rest },
];
const byCommand = { id: "P0", says: "", proofs: [{ command: "chaos" }] } as const;
const bySuites = { id: "P0", says: "", proofs: [{ suites: ["proof/a/", "b.test.ts"] }] } as const;
const all = { passed: 2, failed: 0, skipped: 0 };

describe("a proof", () => {
  test("that was never recorded does not hold", () => {
    expect(standings(byCommand, new Map())[0]).toMatchObject({ held: false, at: null });
    expect(standings(bySuites, new Map())[0]).toMatchObject({ held: false, at: null });
  });

  test("holds as its last result says, with its counts", () => {
    const counts = { kills: 20, violations: 0, retries: 0 };
    expect(standings(byCommand, new Map([of("chaos", { counts })]))[0]).toMatchObject({
      held: true,
      counts: "20 kills, 0 violations",
    });
    expect(standings(byCommand, new Map([of("chaos", { held: false })]))[0].held).toBe(false);
  });

  test("that missed something names it", () => {
    const detail = { missed: ["the fastest", "the smallest"] };
    const [{ counts }] = standings(byCommand, new Map([of("chaos", { counts: { kills: 20 }, detail })]));
    expect(counts).toBe("20 kills; missed: the fastest; the smallest");
    expect(standings(byCommand, new Map([of("chaos", { detail: { missed: [] } })]))[0].counts).toBe("");
  });

  test("that has two sizes tells which one it was", () => {
    const ofSize = (size: "full" | "small") =>
      standings(byCommand, new Map([of("chaos", { size, counts: { kills: 20 } })]))[0].counts;
    expect(ofSize("full")).toBe("full size; 20 kills");
    expect(ofSize("small")).toBe("small size; 20 kills");
  });

  test("by verdicts holds as these say, whatever else was found; one that looked at nothing, or is missing, does not hold", () => {
    const byVerdicts = {
      id: "P0",
      says: "",
      proofs: [{ command: "chaos", verdicts: ["I1", "P5"] }],
    } as const;
    const heldBy = (...verdicts: [id: string, looked: number, violations: number][]) => {
      const detail = { verdicts: verdicts.map(([id, looked, violations]) => ({ id, looked, violations })) };
      return standings(byVerdicts, new Map([of("chaos", { held: false, detail })]))[0].held;
    };
    expect(heldBy(["I1", 9, 0], ["P5", 1, 0], ["I2", 9, 3])).toBe(true);
    expect(heldBy(["I1", 9, 1], ["P5", 1, 0])).toBe(false);
    expect(heldBy(["I1", 9, 0], ["P5", 0, 0])).toBe(false);
    expect(heldBy(["I1", 9, 0])).toBe(false);
  });

  test("by verdicts does not hold when the machine was too slow to judge one of them, and says so", () => {
    const made = { id: "P0", says: "", proofs: [{ command: "chaos", verdicts: ["P9"] }] } as const;
    const standingWith = (tooSlow?: string[]) => {
      const verdicts = [{ id: "P9", looked: 7, violations: 0, ...(tooSlow && { tooSlow }) }];
      return standings(made, new Map([of("chaos", { held: false, detail: { verdicts } })]))[0];
    };
    expect(standingWith()).toMatchObject({ held: true, counts: "looked at 7 by P9" });
    const { held, counts } = standingWith(["no grant could be timed while keys was away"]);
    expect(held).toBe(false);
    expect(counts).toContain("7 by P9 (not judged: the machine was too slow)");
  });

  test("by verdicts tells what each of them looked at, beside the counts of the whole", () => {
    const made = { id: "P0", says: "", proofs: [{ command: "chaos", verdicts: ["P9", "P9b"] }] } as const;
    const detail = { verdicts: [{ id: "P9", looked: 128, violations: 0 }] };
    const [{ counts }] = standings(made, new Map([of("chaos", { counts: { kills: 20 }, detail })]));
    expect(counts).toBe("20 kills; looked at 128 by P9, 0 by P9b");
  });

  test("of a gate holds as the result of the gate says, not that of the command", () => {
    const gate = { id: "P0", says: "", proofs: [{ command: "chaos", gate: "broken" }] } as const;
    expect(standings(gate, new Map([of("chaos", {})]))[0]).toMatchObject({ held: false, at: null });
    const counts = { "broken builds found": 10, "broken builds": 11 };
    expect(standings(gate, new Map([of("chaos-broken", { held: false, counts })]))[0]).toMatchObject({
      proof: "npm run chaos -- --broken",
      held: false,
      counts: "10 broken builds found, 11 broken builds",
    });
  });

  test.each<[string, Record<string, object>, boolean]>([
    ["every suite passed something and failed nothing", { "proof/a/x.test.ts": all, "b.test.ts": all }, true],
    ["a suite did not run", { "proof/a/x.test.ts": all }, false],
    ["a test failed", { "proof/a/x.test.ts": { ...all, failed: 1 }, "b.test.ts": all }, false],
    [
      "a suite was skipped",
      { "proof/a/x.test.ts": all, "b.test.ts": { passed: 0, failed: 0, skipped: 2 } },
      false,
    ],
    ["one test was skipped", { "proof/a/x.test.ts": { ...all, skipped: 1 }, "b.test.ts": all }, false],
  ])("of suites, when %s", (_when, detail, held) => {
    expect(standings(bySuites, new Map([of("suites", { detail })]))[0].held).toBe(held);
  });
});

test.each(["ci", "nightly"] as const)("suites that ran at %s size say so", (size) => {
  const detail = { "proof/a/x.test.ts": all, "b.test.ts": all };
  const [{ counts }] = standings(bySuites, new Map([of("suites", { size, detail })]));
  expect(counts).toBe(`4 passed, 0 failed, at ${size} size`);
});

describe("the command", () => {
  const run = (...options: string[]) =>
    spawnSync(process.execPath, [join(import.meta.dirname, "main.ts"), ...options], { encoding: "utf8" });

  test.each([["--full"], ["--record", "--full"], ["--nightly"]])(
    "with %s does nothing but say how it is used",
    (...options) => {
      expect(run(...options)).toMatchObject({
        status: 2,
        stdout: "",
        stderr: "Usage: npm run promises [-- --record [--nightly]]\n",
      });
    },
  );
});

test("the size of a suite is ci unless PROOF_SIZE says nightly, and nothing else", () => {
  expect([proofSize("ci"), proofSize("nightly")]).toEqual(["ci", "nightly"]);
  for (const other of ["", "full", "Nightly"]) expect(() => proofSize(other)).toThrow("PROOF_SIZE");
});

describe("a file of tests", () => {
  const file = (status: string, ...statuses: string[]) =>
    countTests({ name: "x", status, assertionResults: statuses.map((one) => ({ status: one })) });

  test("counts what passed, failed and was skipped", () => {
    expect(file("failed", "passed", "failed", "skipped")).toEqual({ passed: 1, failed: 1, skipped: 1 });
    expect(file("passed", "passed", "passed")).toEqual({ passed: 2, failed: 0, skipped: 0 });
  });

  test("that does not load, or whose preparation fails, failed", () => {
    expect(file("failed")).toEqual({ passed: 0, failed: 1, skipped: 0 });
    expect(file("failed", "skipped", "skipped")).toEqual({ passed: 0, failed: 1, skipped: 2 });
  });
});
