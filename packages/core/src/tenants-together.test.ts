import { expect, it } from "vitest";
import { fairShareOf, TenantsTogether } from "./tenants-together.ts";

it("tells that tenants come together while one comes within a second of another", () => {
  const together = new TenantsTogether();
  expect(together.areAt(0)).toBe(false);
  together.note("a", 0);
  together.note("a", 10);
  expect(together.areAt(10)).toBe(false);
  together.note("b", 1_009);
  expect(together.areAt(1_009)).toBe(true);
  expect(together.areAt(2_008)).toBe(true);
  expect(together.areAt(2_009)).toBe(false);
});

it("does not take those for together who come a second apart", () => {
  const together = new TenantsTogether();
  together.note("a", 0);
  together.note("b", 1_000);
  expect(together.areAt(1_000)).toBe(false);
});

it.each([
  { cores: 1, alone: 1, shared: 1 },
  { cores: 2, alone: 2, shared: 1 },
  { cores: 3, alone: 3, shared: 1 },
  { cores: 8, alone: 8, shared: 4 },
])("gives one tenant $alone of $cores cores alone and $shared beside others", ({ cores, alone, shared }) => {
  expect(fairShareOf(cores, false)).toBe(alone);
  expect(fairShareOf(cores, true)).toBe(shared);
});
