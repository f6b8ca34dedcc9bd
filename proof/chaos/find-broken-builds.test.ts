import { expect, test } from "vitest";
import type { Verdict } from "../check/judged-run.ts";
import { brokenBuilds } from "./broken-builds.ts";
import { findIn, foundOfSound } from "./find-broken-builds.ts";

const verdict = (id: string, ...violations: string[]): Verdict => ({
  id,
  promise: "",
  looked: 1,
  violations,
});
const unlooked = brokenBuilds.find(({ name }) => name.includes("without a look"))!;

test("a build is found by its own promise, broken for its own reason, and by the sentence that says so", () => {
  const [slow, lie] = [
    "a is owed an end and rests in processing",
    "b was acknowledged, but not all of it was ever sent",
  ];
  expect(findIn(unlooked, [verdict("I2"), verdict("I1", slow, lie)])).toEqual({ found: "I1", sentence: lie });
  expect(findIn(unlooked, [verdict("I1", slow)])).toBeNull();
  expect(findIn(unlooked, [verdict("I2", lie), verdict("I1")])).toBeNull();
});

test("what is demanded of a run for itself gives away no build that breaks a promise otherwise", () => {
  const missing = [
    verdict("P4", "0 relays died between publish and mark, not 2"),
    verdict("P5", "0 processors stood still until others had what they held, not 7"),
    verdict("P6", "no upload was tried and refused with 403: after expiry"),
    verdict("P9", "nobody asked for a grant while database was away"),
    verdict("P14", "no phone listened"),
  ];
  for (const build of brokenBuilds) expect(findIn(build, missing)).toBeNull();
});

test("what is found of the sound build is told with the place of its run; when nothing is, nothing is kept", () => {
  expect(foundOfSound([verdict("I1"), verdict("P1")], "/there")).toBeNull();
  const told = foundOfSound([verdict("I1"), verdict("P1", "rolling restarts: 0, not 1")], "/there");
  expect(told).toMatch(/^NOTHING IS SHOWN: .*data: \/there\nBROKEN +P1 .*\n.*rolling restarts: 0, not 1$/);
  expect(foundOfSound([{ ...verdict("P9"), tooSlow: ["x"] }], "/there")).toContain("/there");
});
