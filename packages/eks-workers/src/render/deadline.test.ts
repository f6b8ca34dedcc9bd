import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { countDown } from "./deadline.ts";

beforeEach(
  () => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setImmediate", "performance"] }),
);
afterEach(() => void vi.useRealTimers());

/** What a timer and a turn of the event loop may add. */
const slackMs = 5;

/** A countdown in a process that can be frozen. */
function start(limitMs: number) {
  const startedMs = performance.now();
  let frozenMs = 0;
  let overAfterMs: number | null = null;
  const stop = countDown(
    limitMs,
    () => (overAfterMs = performance.now() - startedMs),
    () => performance.now() + frozenMs,
  );
  return {
    stop,
    run: (ms: number) => void vi.advanceTimersByTime(ms),
    freeze: (ms: number) => void (frozenMs += ms),
    /** Time in which it ran until it was over. */
    overAfterMs: () => overAfterMs,
  };
}

it("a limit is over when its time is, and not before", () => {
  for (const limitMs of [300, 1_000, 7_500, 15_000]) {
    const { run, overAfterMs } = start(limitMs);
    run(limitMs - 1);
    expect(overAfterMs()).toBeNull();
    run(1 + slackMs);
    expect(overAfterMs()).toBeLessThanOrEqual(limitMs + slackMs);
  }
});

it("a freeze costs two seconds of it, however long it was", () => {
  const { run, freeze, overAfterMs } = start(15_000);
  run(3_500);
  freeze(25_000);
  run(10_400); // 3 s, then 2 for the tick of the freeze, then 9.9
  expect(overAfterMs()).toBeNull();
  run(100 + slackMs);
  expect(overAfterMs()).toBeGreaterThanOrEqual(14_000);
});

it("freezes add up: nothing lasts for ever", () => {
  const { run, freeze, overAfterMs } = start(15_000);
  for (let second = 0; second < 8; second += 1) {
    freeze(10_000);
    run(1_000);
  }
  run(1_000 + slackMs);
  expect(overAfterMs()).not.toBeNull();
});

it("after a freeze that used it up it is over a second later: what was said meanwhile is heard before", () => {
  const { run, freeze, overAfterMs } = start(1_500);
  freeze(25_000);
  run(1_900);
  expect(overAfterMs()).toBeNull();
  run(100 + slackMs);
  expect(overAfterMs()).not.toBeNull();
});

it("a countdown that was stopped says nothing any more, not even when its time was over", () => {
  const [early, late] = [start(2_000), start(2_000)];
  early.run(1_500);
  early.stop();
  expect(vi.getTimerCount()).toBe(1); // the late one's
  late.run(500 + 1);
  late.stop();
  late.run(60_000);
  expect([early.overAfterMs(), late.overAfterMs()]).toEqual([null, null]);
});
