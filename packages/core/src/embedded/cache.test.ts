import { expect, test } from "vitest";
import { cacheContract } from "../contract/cache.ts";
import { createEmbeddedCache } from "./cache.ts";

function cacheWithClock(maxEntries: number) {
  let nowMs = 0;
  const cache = createEmbeddedCache({ clock: { monotonicMs: () => nowMs }, maxEntries });
  const pass = async (ms: number) => void (nowMs += ms);
  return { cache, pass, close: async () => {} };
}

cacheContract("embedded", async () => cacheWithClock(100));

test("a full cache forgets what was used longest ago", async () => {
  const { cache } = cacheWithClock(2);
  await cache.set("a", "1", 60_000);
  await cache.set("b", "1", 60_000);
  await cache.get("a");
  await cache.set("c", "1", 60_000);
  expect(await Promise.all(["a", "b", "c"].map((key) => cache.get(key)))).toEqual(["1", null, "1"]);
});

test("a value lives for exactly its time", async () => {
  const { cache, pass } = cacheWithClock(2);
  await cache.set("role", "agent", 60_000);
  await pass(60_000);
  expect(await cache.get("role")).toBe("agent");
  await pass(1);
  expect(await cache.get("role")).toBeNull();
});
