import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Cache } from "../ports/cache.ts";

/** An empty cache, and a way to let time pass for it. */
export type CacheUnderTest = { cache: Cache; pass(ms: number): Promise<void>; close(): Promise<void> };

/** Everything that an adapter of the cache port does. `ttlMs`: a lifetime that is short, but longer than one call. */
export function cacheContract(
  name: string,
  open: () => Promise<CacheUnderTest>,
  { ttlMs = 1_000 } = {},
): void {
  describe(`the cache contract: ${name}`, () => {
    let under: CacheUnderTest;
    let cache: Cache;
    beforeAll(async () => {
      under = await open();
      cache = under.cache;
    });
    afterAll(() => under.close());

    test("what was never set is missing", async () => {
      expect(await cache.get("unknown")).toBeNull();
    });

    test("what was set is remembered, and a later value replaces it", async () => {
      await cache.set("role", "driver", 60_000);
      expect(await cache.get("role")).toBe("driver");
      await cache.set("role", "agent é 🚚", 60_000);
      expect(await cache.get("role")).toBe("agent é 🚚");
    });

    test("an empty value is a value", async () => {
      await cache.set("empty", "", 60_000);
      expect(await cache.get("empty")).toBe("");
    });

    test("what was deleted is missing, and deleting it again is no error", async () => {
      await cache.set("gone", "1", 60_000);
      await cache.delete("gone");
      await cache.delete("gone");
      expect(await cache.get("gone")).toBeNull();
    });

    test("a value is forgotten when its time is over, others are not", async () => {
      await cache.set("short", "1", ttlMs);
      await cache.set("long", "1", 60_000);
      expect(await cache.get("short")).toBe("1");
      await under.pass(ttlMs + 1);
      expect(await cache.get("short")).toBeNull();
      expect(await cache.get("long")).toBe("1");
    });

    test("a value without time to live is not kept", async () => {
      await cache.set("revoked", "1", 60_000);
      await cache.set("revoked", "2", 0);
      expect(await cache.get("revoked")).toBeNull();
    });
  });
}
