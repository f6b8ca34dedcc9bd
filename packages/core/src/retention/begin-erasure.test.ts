import { asOwner, newPage } from "@strongroom/local/test-documents";
import { query, receive } from "@strongroom/local/test-pipeline";
import { type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { withClient } from "../database/roles.ts";
import { claimDocument } from "../job/claim-document.ts";
import { retryDocument } from "../job/release-document.ts";
import { eraseDocument } from "./erase-document.ts";
import { tombstoneKey } from "./tombstone.ts";

let world: TestWorld;
beforeAll(async () => (world = await testWorld()));
afterAll(() => world.close());

const erase = (id: string) => eraseDocument(world.ports, world.arne, id);
const actionsOf = async (id: string) =>
  (
    await asOwner<{ action: string }>(world, "select action from audit where subject = $1 order by id", [id])
  ).map(({ action }) => action);
const waitsForLock =
  "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";

describe("a document in processing", () => {
  it("that a worker holds is refused, and leaves no tombstone", async () => {
    const bell = await receive(world, world.dora, [newPage()]);
    await claimDocument(world.ports, bell, "worker:test");
    await expect(erase(bell.documentId)).rejects.toMatchObject({
      code: "in_processing",
      status: 409,
      retryAfterSeconds: 60,
    });
    expect(await world.ports.objects.head(tombstoneKey(bell))).toBeNull();
  });

  it.each([
    ["whose worker died", "clock_timestamp() - interval '1 second'"],
    ["that rests between two tries", "null"],
  ])("%s is erased, and no later claim gets it", async (_what, leaseUntil) => {
    const bell = await receive(world, world.dora, [newPage()]);
    const claim = await claimDocument(world.ports, bell, "worker:test");
    await asOwner(world, `update document set lease_until = ${leaseUntil} where id = $1`, [bell.documentId]);
    await erase(bell.documentId);
    expect((await actionsOf(bell.documentId)).slice(-2)).toEqual(["document.withdrawn", "document.erased"]);
    expect(await claimDocument(world.ports, bell, "worker:test")).toBeNull();
    expect(await retryDocument(world.ports, claim!, new Error("a zombie"))).toBe("lost");
  });

  it("whose lapsed lease another worker takes at that moment is refused: it is looked at under its lock", async () => {
    const bell = await receive(world, world.dora, [newPage()]);
    await claimDocument(world.ports, bell, "worker:test");
    const setLease = (seconds: number) =>
      `update document set lease_until = clock_timestamp() + interval '${seconds} seconds' where id = '${bell.documentId}'`;
    await asOwner(world, setLease(-1));
    const erasing = await withClient(world.database.superuser, async (claiming) => {
      await claiming.query("begin");
      await claiming.query(setLease(60));
      const outcome = erase(bell.documentId).then(
        () => "erased",
        (error: { code?: string }) => error.code,
      );
      while ((await query(world, waitsForLock)).length === 0);
      await claiming.query("commit");
      return outcome;
    });
    expect(erasing).toBe("in_processing");
  });
});
