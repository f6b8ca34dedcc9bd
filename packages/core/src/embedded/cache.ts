import { LRUCache } from "lru-cache";
import type { Clock } from "../clock.ts";
import type { Cache } from "../ports/cache.ts";

/** A cache in this process, which forgets what was used longest ago when it holds `maxEntries`. */
export function createEmbeddedCache(options: {
  clock: Pick<Clock, "monotonicMs">;
  maxEntries: number;
}): Cache {
  const entries = new LRUCache<string, string>({
    max: options.maxEntries,
    ttlResolution: 0,
    perf: { now: () => options.clock.monotonicMs() + 1 }, // the library takes the time 0 for "never expires"
  });
  return {
    get: async (key) => entries.get(key) ?? null,
    async set(key, value, ttlMs) {
      if (ttlMs > 0) entries.set(key, value, { ttl: ttlMs });
      else entries.delete(key);
    },
    async delete(key) {
      entries.delete(key);
    },
  };
}
