import { beforeEach, describe, expect, it } from "vitest";
import { GiveWay } from "./give-way.ts";

let nowMs = 0;
let sleepers: { untilMs: number; wake: () => void }[] = [];
let way: GiveWay;
const clock = {
  monotonicMs: () => nowMs,
  sleep: (delayMs: number, signal?: AbortSignal) =>
    new Promise<void>((wake) => {
      sleepers.push({ untilMs: nowMs + delayMs, wake });
      signal?.addEventListener("abort", () => wake());
    }),
};
beforeEach(() => {
  [nowMs, sleepers, way] = [5_000, [], new GiveWay(clock)];
});

const soon = () => new Promise((resolve) => setImmediate(resolve));
async function pass(ms: number): Promise<void> {
  nowMs += ms;
  for (const { untilMs, wake } of sleepers) if (untilMs <= nowMs) wake();
  await soon();
}

/** Works on so many documents, one after the other. */
async function work(tenantId: string, documents: number): Promise<void> {
  for (let n = 0; n < documents; n += 1) (await way.enter(tenantId))();
}

/** Enters; tells whether it is in by now. */
function entering(tenantId: string) {
  let leave: (() => void) | null = null;
  void way.enter(tenantId).then((given) => (leave = given));
  return { isIn: () => leave !== null, leave: () => leave!() };
}

describe("a company that floods", () => {
  it("waits while another's document is worked on, and goes on the moment it is done", async () => {
    await work("flood", 4);
    const other = entering("other");
    const flood = entering("flood");
    await soon();
    expect([other.isIn(), flood.isIn()]).toEqual([true, false]);
    other.leave();
    await soon();
    expect(flood.isIn()).toBe(true);
  });

  it("waits for a quarter of a second at most, however many others there are", async () => {
    await work("flood", 4);
    const others = ["a", "b", "c"].map(entering);
    const flood = entering("flood");
    await pass(100);
    others[0]!.leave();
    await pass(149);
    expect(flood.isIn()).toBe(false);
    await pass(1);
    expect(flood.isIn()).toBe(true);
  });

  it("is one that had four documents within a second", async () => {
    await work("flood", 3);
    entering("other");
    const fourth = entering("flood");
    await soon();
    expect(fourth.isIn()).toBe(true);
    fourth.leave();
    const fifth = entering("flood");
    await soon();
    expect(fifth.isIn()).toBe(false);
    await pass(250);
    fifth.leave();
    nowMs += 1_000;
    const later = entering("flood");
    await soon();
    expect(later.isIn()).toBe(true);
  });

  it("does not wait for itself, nor for another one that floods, nor does anybody wait for it", async () => {
    await work("flood", 4);
    await work("deluge", 4);
    const all = ["flood", "flood", "deluge", "deluge", "other"].map(entering);
    await soon();
    expect(all.map(({ isIn }) => isIn())).toEqual([true, true, true, true, true]);
  });
});
