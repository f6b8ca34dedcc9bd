import { createEmbeddedCache } from "@strongroom/core/embedded/cache";
import type { Clock } from "@strongroom/core/clock";
import { TenantId, UserId } from "@strongroom/core/ids";
import { describe, expect, test } from "vitest";
import { limitAddress, limitPerson, rateLimits, RateRefusal } from "./rate-limit.ts";

/** A clock that stands until it is moved. */
function standing() {
  let nowMs = Date.parse("2026-01-01T00:00:10Z");
  const clock: Clock = { now: () => new Date(nowMs), monotonicMs: () => nowMs, sleep: async () => {} };
  return {
    ports: { clock, cache: createEmbeddedCache({ clock, maxEntries: 100 }) },
    pass: (ms: number) => void (nowMs += ms),
  };
}

const person = (role = "driver" as const) => ({
  tenantId: TenantId.parse("1".repeat(8) + "-1111-4111-8111-" + "1".repeat(12)),
  userId: UserId.parse(crypto.randomUUID()),
  role,
});

describe("an address", () => {
  test("has its limit, is refused one above it, and is free again in the next window", async () => {
    const { ports, pass } = standing();
    for (let sent = 1; sent < rateLimits.address; sent++) await limitAddress(ports, "192.0.2.1");
    expect(await limitAddress(ports, "192.0.2.1")).toEqual({
      scope: "address",
      remaining: 0,
      resetSeconds: 50,
    });
    await expect(limitAddress(ports, "192.0.2.1")).rejects.toMatchObject({
      status: 429,
      retryAfterSeconds: 50,
    });
    expect(await limitAddress(ports, "192.0.2.2")).toMatchObject({ remaining: rateLimits.address - 1 });
    pass(49_999);
    await expect(limitAddress(ports, "192.0.2.1")).rejects.toBeInstanceOf(RateRefusal);
    pass(1);
    expect(await limitAddress(ports, "192.0.2.1")).toMatchObject({ remaining: rateLimits.address - 1 });
  });

  test("of IPv6 counts with its whole /64, however it is written", async () => {
    const { ports } = standing();
    const same = ["2001:db8::1", "2001:db8:0:0:ffff::", "2001:0db8:0:0:1:2:3:4", "2001:db8::a:b:c:d"];
    const left = [];
    for (const address of same) left.push((await limitAddress(ports, address)).remaining);
    expect(left.map((remaining) => rateLimits.address - remaining)).toEqual([1, 2, 3, 4]);
    expect(await limitAddress(ports, "2001:db8:0:1::1")).toMatchObject({ remaining: rateLimits.address - 1 });
  });
});

describe("a tenant", () => {
  test("spends nothing on requests that are refused to one of its people", async () => {
    const { ports } = standing();
    const [loud, quiet] = [person(), person()];
    for (let sent = 0; sent < rateLimits.person; sent++) await limitPerson(ports, loud);
    for (let sent = rateLimits.person; sent < rateLimits.tenant; sent++)
      await expect(limitPerson(ports, loud)).rejects.toMatchObject({ status: 429 });
    expect(await limitPerson(ports, quiet)).toMatchObject({ scope: "person" });
  });

  test("has a limit over all its people", async () => {
    const { ports } = standing();
    const window = Math.floor(ports.clock.now().getTime() / rateLimits.windowMs);
    const somebody = person();
    await ports.cache.set(
      `rate:tenant:${somebody.tenantId}:${window}`,
      String(rateLimits.tenant - 1),
      60_000,
    );
    expect(await limitPerson(ports, somebody)).toMatchObject({
      scope: "person",
      remaining: rateLimits.person - 1,
    });
    await expect(limitPerson(ports, person())).rejects.toMatchObject({
      code: "rate_limited",
      rate: { scope: "tenant" },
    });
  });
});
