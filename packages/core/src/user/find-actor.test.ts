import { asOwner } from "@strongroom/local/test-documents";
import { type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createEmbeddedCache } from "../embedded/cache.ts";
import { systemIds, UserId } from "../ids.ts";
import { findActor } from "./find-actor.ts";
import { actorName, roles, seesWholeTenant } from "./user.ts";

let world: TestWorld;
beforeAll(async () => (world = await testWorld()));
afterAll(() => world.close());

/** Ports with a cache of their own, whose time is set by hand. */
function withCache() {
  const time = { ms: 0 };
  const cache = createEmbeddedCache({ clock: { monotonicMs: () => time.ms }, maxEntries: 10 });
  return { ports: { ...world.ports, cache }, time };
}
const setEmil = (columns: string) =>
  asOwner(world, `update app_user set ${columns} where id = $1`, [world.emil.userId]);

describe("whoever comes with a token", () => {
  it("acts with the role of the user table", async () => {
    for (const person of [world.dora, world.agnes]) {
      const { tenantId, userId } = person;
      expect(await findActor(withCache().ports, { tenantId, userId })).toEqual(person);
    }
  });

  it("is refused when the table does not know them, in this tenant", async () => {
    const strangers = [
      { tenantId: world.dora.tenantId, userId: UserId.parse(systemIds.uuid()) },
      { tenantId: world.franz.tenantId, userId: world.dora.userId },
    ];
    for (const stranger of strangers) {
      await expect(findActor(withCache().ports, stranger)).rejects.toMatchObject({
        code: "unknown_person",
        status: 403,
      });
    }
  });

  it("is let in at once after they were added: an unknown person is not remembered", async () => {
    const { ports } = withCache();
    const newcomer = { tenantId: world.dora.tenantId, userId: UserId.parse(systemIds.uuid()) };
    await expect(findActor(ports, newcomer)).rejects.toMatchObject({ code: "unknown_person" });
    await asOwner(
      world,
      "insert into app_user (tenant_id, id, name, role) values ($1, $2, 'New', 'driver')",
      [newcomer.tenantId, newcomer.userId],
    );
    expect(await findActor(ports, newcomer)).toEqual({ ...newcomer, role: "driver" });
  });
});

describe("a change of the user table", () => {
  it("of the role is seen after 60 seconds, and not asked for before", async () => {
    const { ports, time } = withCache();
    await findActor(ports, world.emil);
    await setEmil("role = 'agent'");
    time.ms = 59_999;
    expect((await findActor(ports, world.emil)).role).toBe("driver");
    time.ms = 60_001;
    expect((await findActor(ports, world.emil)).role).toBe("agent");
    await setEmil("role = 'driver'");
  });

  it("that switches somebody off is seen within 60 seconds; switched on again, they are let in after as long", async () => {
    const { ports, time } = withCache();
    await findActor(ports, world.emil);
    await setEmil("disabled_at = now()");
    time.ms = 60_001;
    await expect(findActor(ports, world.emil)).rejects.toMatchObject({ code: "disabled", status: 403 });
    await setEmil("disabled_at = null");
    await expect(findActor(ports, world.emil)).rejects.toMatchObject({ code: "disabled" });
    time.ms = 120_002;
    expect(await findActor(ports, world.emil)).toEqual(world.emil);
  });

  it("is remembered for each person of each tenant apart", async () => {
    const { ports } = withCache();
    await findActor(ports, world.emil);
    expect(await findActor(ports, world.agnes)).toEqual(world.agnes);
    await expect(findActor(ports, { ...world.emil, tenantId: world.franz.tenantId })).rejects.toMatchObject({
      code: "unknown_person",
    });
  });
});

it("agents and admins see the whole tenant, operators run it and see none of it, and all stand in the audit by their id", () => {
  expect(roles.filter((role) => seesWholeTenant({ ...world.dora, role }))).toEqual(["agent", "admin"]);
  expect(actorName(world.dora)).toBe(`user:${world.dora.userId}`);
});
