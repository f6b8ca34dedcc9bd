import { TenantId, UserId } from "@strongroom/core/ids";
import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { VerifiedTokens } from "./verified-tokens.ts";

const caller = { tenantId: TenantId.parse(randomUUID()), userId: UserId.parse(randomUUID()) };
const start = Date.UTC(2026, 0, 5);
const hour = 3_600_000;

test("a token that was verified is believed for a minute, and no other one with it", () => {
  const verified = new VerifiedTokens();
  verified.add("a.b.c", caller, { nowMs: start, expiresAtMs: start + hour });
  expect(verified.find("a.b.c", start + 59_999)).toEqual(caller);
  expect(verified.find("a.b.c", start + 60_000)).toBeNull();
  expect(verified.find("a.b.d", start)).toBeNull();
});

test("a token that expires sooner is believed until then", () => {
  const verified = new VerifiedTokens();
  verified.add("a.b.c", caller, { nowMs: start, expiresAtMs: start + 10_000 });
  expect(verified.find("a.b.c", start + 9_999)).toEqual(caller);
  expect(verified.find("a.b.c", start + 10_000)).toBeNull();
});

test("of more than ten thousand tokens the oldest are forgotten", () => {
  const verified = new VerifiedTokens();
  const add = (number: number) =>
    verified.add(`${number}`, caller, { nowMs: start, expiresAtMs: start + hour });
  for (let number = 0; number < 10_000; number += 1) add(number);
  add(0);
  add(10_000);
  expect([0, 1, 2, 10_000].map((number) => verified.find(`${number}`, start) !== null)).toEqual([
    true,
    false,
    true,
    true,
  ]);
});
