import { expect, test } from "vitest";
import { TenantPlaces } from "./tenant-places.ts";

/** A clock whose sleepers wake when they are called, or all at once when their time is let pass. */
function stillClock() {
  const sleepers = new Set<() => void>();
  const sleep = (_delayMs: number, signal?: AbortSignal) =>
    new Promise<void>((resolve) => {
      sleepers.add(resolve);
      signal?.addEventListener("abort", () => resolve());
    });
  let nowMs = 0;
  const clock = { now: () => new Date(), monotonicMs: () => nowMs, sleep };
  const passTime = () => {
    nowMs += 1_000;
    sleepers.forEach((wake) => wake());
  };
  return { clock, passTime, later: (ms: number) => void (nowMs += ms) };
}

/** Enters without waiting, on two cores; `entered` names who is in, in order. */
function door() {
  const { clock, passTime, later } = stillClock();
  const places = new TenantPlaces(2);
  const entered: string[] = [];
  const enter = async (tenantId: string, name: string) => {
    const leave = await places.enter({ clock }, tenantId, 1_000);
    entered.push(name);
    return leave;
  };
  return { enter, entered, passTime, later };
}

const soon = () => new Promise((resolve) => setImmediate(resolve));

test("as many requests of a tenant as there are cores are worked on at once, the others after them in their order", async () => {
  const { enter, entered } = door();
  const [first, second] = await Promise.all([enter("a", "1"), enter("a", "2")]);
  void enter("a", "3");
  void enter("a", "4");
  await soon();
  expect(entered).toEqual(["1", "2"]);
  second!();
  await soon();
  expect(entered).toEqual(["1", "2", "3"]);
  first!();
  await soon();
  expect(entered).toEqual(["1", "2", "3", "4"]);
});

test("those of another tenant do not wait for them", async () => {
  const { enter, entered } = door();
  for (const name of ["1", "2", "3", "4"]) void enter("a", name);
  await enter("b", "5");
  expect(entered).toEqual(["1", "2", "5"]);
});

test("nobody waits for longer than the patience, whatever holds the ones before", async () => {
  const { enter, entered, passTime } = door();
  for (const name of ["1", "2", "3", "4"]) void enter("a", name);
  await soon();
  passTime();
  await soon();
  expect(entered).toEqual(["1", "2", "3", "4"]);
});

test("what holds more than its place goes in with one alone, in its turn, and leaves the line when its patience is over", async () => {
  const { clock, passTime } = stillClock();
  const places = new TenantPlaces(2);
  const enter = () => places.enterIfFree({ clock }, "a", 1_000);
  const [first, second] = await Promise.all([enter(), enter()]);
  const inTurn = enter();
  first!();
  const third = await inTurn;
  const tooLate = enter();
  await soon();
  passTime();
  expect(await tooLate).toBeNull();
  expect(await places.enterIfFree({ clock }, "b", 1_000)).not.toBeNull();
  second!();
  third!();
  passTime(); // nobody of the others came within the last second
  expect((await Promise.all([enter(), enter()])).map((leave) => leave !== null)).toEqual([true, true]);
});

test("a place is given back once, however often it is left", async () => {
  const { enter, entered } = door();
  const leave = await enter("a", "1");
  for (const name of ["2", "3", "4"]) void enter("a", name);
  leave();
  leave();
  await soon();
  expect(entered).toEqual(["1", "2", "3"]);
});

test("who comes at the moment when one leaves does not pass those who wait", async () => {
  const { enter, entered } = door();
  const leave = await enter("a", "1");
  for (const name of ["2", "3"]) void enter("a", name);
  await soon();
  leave();
  void enter("a", "4");
  await soon();
  expect(entered).toEqual(["1", "2", "3"]);
});

test("while others' come in, half as many are: a place that is left is not given on until there are fewer", async () => {
  const { enter, entered } = door();
  const [first, second] = await Promise.all([enter("a", "1"), enter("a", "2")]);
  for (const name of ["3", "4"]) void enter("a", name);
  (await enter("b", "5"))();
  first!();
  await soon();
  expect(entered).toEqual(["1", "2", "5"]);
  second!();
  await soon();
  expect(entered).toEqual(["1", "2", "5", "3"]);
});

test("who went in without a place does not give one on", async () => {
  const { enter, entered, passTime } = door();
  const leaves: Promise<() => void>[] = ["1", "2", "3"].map((name) => enter("a", name));
  await soon();
  passTime();
  await soon();
  void enter("a", "4");
  (await leaves[2]!)();
  await soon();
  expect(entered).toEqual(["1", "2", "3"]);
  (await leaves[0]!)();
  await soon();
  expect(entered).toEqual(["1", "2", "3", "4"]);
});

test("who waits since others' came in is not passed when these come no more", async () => {
  const { enter, entered, later } = door();
  (await enter("b", "1"))();
  await enter("a", "2");
  void enter("a", "3");
  await soon();
  expect(entered).toEqual(["1", "2"]);
  later(1_000);
  void enter("a", "4");
  await soon();
  expect(entered).toEqual(["1", "2", "3"]);
});
