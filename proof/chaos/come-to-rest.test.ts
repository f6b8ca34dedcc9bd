import { expect, test } from "vitest";
import { measureSlowness, mostSlowness, slownessBy } from "./come-to-rest.ts";

test("a busy machine excuses what it slows, and no more than six times", () => {
  expect(slownessBy(49, 50)).toBe(1);
  expect(slownessBy(125, 50)).toBe(2.5);
  expect(slownessBy(5_000, 50)).toBe(6);
  expect(measureSlowness()).toBeGreaterThanOrEqual(1);
  expect(measureSlowness()).toBeLessThanOrEqual(mostSlowness);
});
