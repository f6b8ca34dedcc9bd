import { systemClock } from "@strongroom/core/clock";
import { TenantId } from "@strongroom/core/ids";
import { expect, test } from "vitest";
import { enterSearch, searchesInAll } from "./search-places.ts";

const tenants = Array.from({ length: searchesInAll + 1 }, (_, at) =>
  TenantId.parse(`01980000-0000-7000-9000-00000000000${at}`),
);
/** Nobody waits: whoever finds no place is refused at once. */
const ports = { clock: { ...systemClock, sleep: async () => {} } };
const enter = (tenantId: TenantId) => enterSearch(ports, { tenantId });

test("tenants that search at once leave half of the connections to everybody else", async () => {
  const inside = await Promise.all(tenants.slice(1).map(enter));
  const refusal = { code: "too_many_searches", status: 429, retryAfterSeconds: 5 };
  await expect(enter(tenants[0]!)).rejects.toMatchObject(refusal);
  inside[0]!();
  const late = await enter(tenants[0]!);
  await expect(enter(tenants[1]!)).rejects.toMatchObject(refusal);
  late();
  for (const leave of inside) leave();
  for (const leave of await Promise.all(tenants.slice(1).map(enter))) leave();
});
