import { dividePeriods } from "@strongroom/core/config";
import type { Config } from "@strongroom/core/config";
import { steppedClock } from "@strongroom/local/test-pipeline";
import { expect, it } from "vitest";
import { Availability } from "./availability.ts";

const config = { periods: dividePeriods(1) } as Config;
const { signal: never } = new AbortController();

function open() {
  const clock = steppedClock();
  const needs = new Availability({ clock, config });
  const turns: string[] = [];
  const ask = (who: string, stopping = never) => needs.turn(stopping).then(() => void turns.push(who));
  const pass = async (ms: number) => {
    clock.pass(ms);
    await new Promise((resolve) => setImmediate(resolve));
    return turns.splice(0);
  };
  return { needs, ask, pass };
}

const fail = (needs: Availability, ...what: string[]) => what.forEach((one) => needs.failed(one));

it("seems there until three different things have failed with none that went well between", () => {
  const { needs } = open();
  fail(needs, "a", "a", "a", "b");
  expect([needs.seemsAway, needs.mayTry()]).toEqual([false, true]);
  needs.worked();
  fail(needs, "c", "d");
  expect(needs.seemsAway).toBe(false);
  fail(needs, "e");
  expect([needs.seemsAway, needs.mayTry()]).toEqual([true, false]);
});

it("may be tried once at the end of each rest, twice as long each time up to 30 seconds", async () => {
  const { needs, pass } = open();
  fail(needs, "a", "b", "c");
  for (const restMs of [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
    await pass(restMs - 1);
    expect(needs.mayTry()).toBe(false);
    await pass(1);
    expect([needs.mayTry(), needs.mayTry()]).toEqual([true, false]);
  }
});

it("gives those who wait one turn at a time, and all of them theirs as soon as something goes well", async () => {
  const { needs, ask, pass } = open();
  fail(needs, "a", "b", "c");
  const waiting = ["1", "2", "3", "4"].map((who) => ask(who));
  expect(await pass(249)).toEqual([]);
  expect(await pass(1)).toHaveLength(1);
  expect(await pass(499)).toEqual([]);
  expect(await pass(1)).toHaveLength(1);
  needs.worked();
  await Promise.all(waiting);
  expect(await pass(0)).toHaveLength(2);
  await needs.turn(never);
});

it("keeps nobody who is told to stop", async () => {
  const { needs, ask } = open();
  fail(needs, "a", "b", "c");
  const stop = new AbortController();
  const waiting = ask("1", stop.signal);
  stop.abort();
  await waiting;
});

it("begins no rest for those who only wait until something may be tried", async () => {
  const { needs, pass } = open();
  fail(needs, "a", "b", "c");
  const due = needs.due(never);
  await pass(250);
  await due;
  await needs.due(never);
  expect(needs.mayTry()).toBe(true);
});

it("may be tried again at once after something that needed nothing, and rests no longer for it", async () => {
  const { needs, ask, pass } = open();
  fail(needs, "a", "b", "c");
  await pass(250);
  expect(needs.mayTry()).toBe(true);
  const waiting = ask("next");
  needs.spared();
  await waiting;
  expect(await pass(0)).toEqual(["next"]);
  expect([await pass(499), needs.mayTry()]).toEqual([[], false]);
  expect([await pass(1), needs.mayTry()]).toEqual([[], true]);
});

it("is spared nothing while all is there", () => {
  const { needs } = open();
  fail(needs, "a", "b");
  needs.spared();
  fail(needs, "c");
  expect(needs.mayTry()).toBe(false);
});
