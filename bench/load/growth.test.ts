import { expect, test } from "vitest";
import { growthOf } from "./growth.ts";

const minutes = (count: number) => Array.from({ length: count }, (_, minute) => minute);

test("growth is the slope of what was seen, by kind and of all together", () => {
  const looks = minutes(4).map((minute) => ({ minutes: minute, mb: { api: 100 + 2 * minute, relay: 50 } }));
  const { all, byKind } = growthOf(looks);
  expect(all).toBeCloseTo(2);
  expect(byKind["api"]).toBeCloseTo(2);
  expect(byKind["relay"]).toBeCloseTo(0);
});

test("of an hour, the first five minutes do not count", () => {
  const grows = (minute: number) => (minute < 5 ? 100 * minute : 500 + minute - 5);
  const looks = minutes(61).map((minute) => ({ minutes: minute, mb: { api: grows(minute) } }));
  expect(growthOf(looks).all).toBeCloseTo(1);
});

test("a process that comes and goes grows from nothing, and nothing seen is no growth", () => {
  const looks = minutes(3).map((minute) => ({
    minutes: minute,
    mb: { ...(minute === 2 ? { decoder: 60 } : {}) },
  }));
  expect(growthOf(looks).byKind["decoder"]).toBeCloseTo(30);
  expect(growthOf([])).toEqual({ all: 0, byKind: {} });
});
