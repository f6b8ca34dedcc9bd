import { asOwner, newPage, receive } from "@strongroom/local/test-documents";
import { type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterEach, afterAll, beforeAll, describe, expect, it } from "vitest";
import { ringSilent } from "./ring-silent.ts";
import { tenantShare } from "./tenant-share.ts";

let world: TestWorld;
beforeAll(async () => (world = await testWorld()));
afterAll(() => world.close());
afterEach(() => asOwner(world, "update document set state = 'erased' where state <> 'erased'"));

/** Documents whose bells a worker hears, in its order: `late` only when `documents` is empty. */
async function heard(): Promise<string[]> {
  const ids: string[] = [];
  for (const queue of ["documents", "late"] as const) {
    for (;;) {
      const bells = await world.ports.queue.receive(queue, { max: 10, waitMs: 0, visibilityMs: 3_600_000 });
      if (bells.length === 0) break;
      ids.push(...bells.map(({ body }) => (JSON.parse(body) as { documentId: string }).documentId));
    }
  }
  return ids;
}

async function flood(documents: number): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < documents; n += 1) ids.push((await receive(world, world.franz, [newPage()])).id);
  return ids;
}

describe("while one company floods", () => {
  it("another's document waits behind its share, not behind all of it, and no bell is lost", async () => {
    await heard();
    const flooding = await flood(3 * tenantShare);
    const other = await receive(world, world.dora, [newPage()]);
    const order = await heard();
    expect(order.indexOf(other.id)).toBe(tenantShare);
    expect(order.filter((id) => id !== other.id)).toEqual(flooding); // and its own go first come, first served
  });

  it("its documents are fresh again once no more than its share wait", async () => {
    await flood(tenantShare + 2);
    await heard();
    await asOwner(world, "update document set state = 'erased' where state = 'received'");
    const [fresh] = await flood(1);
    const [bell] = await world.ports.queue.receive("documents", { max: 1, waitMs: 0, visibilityMs: 1_000 });
    expect(bell!.body).toContain(fresh);
  });

  it("bells rung anew for its silent documents keep to the share as well", async () => {
    await flood(2 * tenantShare);
    await heard();
    const other = await receive(world, world.dora, [newPage()]);
    await heard();
    await asOwner(world, "update document set rung_at = clock_timestamp() - interval '2 minutes'");
    expect(await ringSilent(world.ports)).toBe(2 * tenantShare + 1);
    expect((await heard()).indexOf(other.id)).toBeLessThanOrEqual(tenantShare);
  });
});
