import { expect, it } from "vitest";
import { TenantId } from "./ids.ts";
import { tenantBatches } from "./tenant-batches.ts";

const [one, other] = ["6f1d0c52-3a0e-4c5b-9d57-0a4b8c1f7e01", "6f1d0c52-3a0e-4c5b-9d57-0a4b8c1f7e02"].map(
  (id) => TenantId.parse(id),
) as [TenantId, TenantId];

/** What comes out of a list of such items, by number; then the error that the list ends with, if it does. */
async function batched(tenants: TenantId[], most: number, error?: Error): Promise<unknown[]> {
  const list = async function* () {
    yield* tenants.map((tenantId, number) => ({ tenantId, number }));
    if (error) throw error;
  };
  const seen: unknown[] = [];
  try {
    for await (const batch of tenantBatches(list(), most)) seen.push(batch.map(({ number }) => number));
  } catch (thrown) {
    seen.push(thrown);
  }
  return seen;
}

it.each<[string, TenantId[], number, number[][]]>([
  ["nothing of nothing", [], 2, []],
  ["all of one tenant, so many at a time", [one, one, one, one, one], 2, [[0, 1], [2, 3], [4]]],
  ["no two tenants together", [one, other, one, other, one], 2, [[0, 2], [1, 3], [4]]],
  ["what is left, tenant by tenant", [one, one, other, one], 9, [[0, 1, 3], [2]]],
])("gives %s", async (_what, tenants, most, batches) => {
  expect(await batched(tenants, most)).toEqual(batches);
});

it("gives what came before an error before the error", async () => {
  const damage = new Error("damaged");
  expect(await batched([one, one, one], 2, damage)).toEqual([[0, 1], [2], damage]);
  expect(await batched([], 2, damage)).toEqual([damage]);
});

it("keeps no more than a hundred batches open", async () => {
  const ids = Array.from({ length: 101 }, (_, n) => TenantId.parse(one.slice(0, -3) + String(100 + n)));
  const list = async function* () {
    for (const tenantId of ids) yield { tenantId };
    throw new Error("nobody asks for more before they are taken");
  };
  let seen = 0;
  for await (const batch of tenantBatches(list(), 9)) {
    expect(batch).toHaveLength(1);
    if (++seen === 100) break;
  }
  expect(seen).toBe(100);
});
