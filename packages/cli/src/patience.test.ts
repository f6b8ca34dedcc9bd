import fc from "fast-check";
import { expect, test } from "vitest";
import { defaultPatience, waitAfter } from "./patience.ts";

test("no wait is longer than 60 s or shorter than the server asked, and the tries end", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 40 }),
      fc.option(fc.double({ min: 0, max: 200, noNaN: true })),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (failures, retryAfterSeconds, luck) => {
        const patience = { ...defaultPatience, random: () => luck };
        const delayMs = waitAfter(patience, failures, retryAfterSeconds);
        if (failures >= patience.tries || (retryAfterSeconds ?? 0) > 60) {
          expect(delayMs).toBeNull();
          return;
        }
        expect(delayMs).toBeGreaterThanOrEqual(Math.floor((retryAfterSeconds ?? 0) * 1000));
        expect(delayMs).toBeLessThanOrEqual(60_000);
      },
    ),
  );
});

test("the wait is drawn from zero to a bound that doubles", () => {
  const at = (luck: number) =>
    [1, 2, 3, 4, 5, 6].map((failures) => waitAfter({ ...defaultPatience, random: () => luck }, failures));
  expect(at(0)).toEqual([0, 0, 0, 0, 0, null]);
  expect(at(1)).toEqual([250, 500, 1000, 2000, 4000, null]);
});

test("a wait ends with the reason of whoever stopped it", async () => {
  const stop = new AbortController();
  const waiting = defaultPatience.sleep(60_000, stop.signal);
  stop.abort(new Error("stopped"));
  await expect(waiting).rejects.toThrow("stopped");
});
