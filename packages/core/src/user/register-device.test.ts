import { asOwner } from "@strongroom/local/test-documents";
import { type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { DeviceRequest } from "../api-shapes.ts";
import { DeviceId, systemIds } from "../ids.ts";
import { dropDevice } from "./drop-device.ts";
import { listDevices } from "./list-devices.ts";
import { registerDevice } from "./register-device.ts";
import type { Actor } from "./user.ts";

let world: TestWorld;
beforeAll(async () => (world = await testWorld()));
afterAll(() => world.close());
beforeEach(() => asOwner(world, "update device set dropped_at = now()"));

const newDevice = () => DeviceId.parse(systemIds.uuid());
const register = (
  actor: Actor,
  deviceId: DeviceId,
  pushToken: string = systemIds.uuid(),
  platform: "ios" | "android" = "ios",
) => registerDevice(world.ports, actor, { deviceId, platform, pushToken });
const devicesOf = async (actor: Actor) => (await listDevices(world.ports, actor)).devices.map(({ id }) => id);
const rowOf = async (actor: Actor, deviceId: string) =>
  (
    await asOwner(
      world,
      "select user_id, platform, push_token, dropped_at is not null as dropped from device where tenant_id = $1 and id = $2",
      [actor.tenantId, deviceId],
    )
  )[0];
const auditOf = async (deviceId: string) =>
  (
    await asOwner<{ action: string }>(world, "select action from audit where subject = $1 order by id", [
      deviceId,
    ])
  ).map(({ action }) => action);

describe("a device", () => {
  it("once registered is listed for its person, in the order of registration, without its token", async () => {
    const devices = [newDevice(), newDevice()];
    for (const device of devices) await register(world.dora, device, `secret-token of ${device}`);
    expect(await devicesOf(world.dora)).toEqual(devices);
    expect(JSON.stringify(await listDevices(world.ports, world.dora))).not.toContain("secret-token");
    for (const other of [world.emil, world.agnes, world.franz]) expect(await devicesOf(other)).toEqual([]);
  });

  it("registered again is the same device with a new token", async () => {
    const device = newDevice();
    await register(world.emil, device, "old");
    const again = await register(world.emil, device, "new", "android");
    expect(again).toMatchObject({ id: device, platform: "android" });
    expect(await rowOf(world.emil, device)).toMatchObject({ push_token: "new", platform: "android" });
    expect(await devicesOf(world.emil)).toEqual([device]);
  });

  it("of somebody else is not taken over, and keeps its token", async () => {
    const device = newDevice();
    await register(world.dora, device, "doras");
    await expect(register(world.emil, device, "emils")).rejects.toMatchObject({
      code: "device_taken",
      status: 409,
    });
    expect(await rowOf(world.dora, device)).toMatchObject({
      user_id: world.dora.userId,
      push_token: "doras",
      dropped: false,
    });
    expect(await auditOf(device)).toEqual(["device.registered"]);
  });

  it("of another tenant may bear the same id: it is another device", async () => {
    const device = newDevice();
    await register(world.dora, device, "doras");
    await register(world.franz, device, "franzs");
    expect(await devicesOf(world.franz)).toEqual([device]);
    expect(await rowOf(world.dora, device)).toMatchObject({ push_token: "doras" });
  });
});

describe("a push token", () => {
  it("has 1,024 characters at most: no service makes longer ones", () => {
    const accepts = (length: number) =>
      DeviceRequest.safeParse({ platform: "ios", pushToken: "x".repeat(length) }).success;
    expect([accepts(1), accepts(1_024), accepts(1_025)]).toEqual([true, true, false]);
  });
});

/** What the audit says of a device that gets no more pushes because of another one. */
const displacedOf = async (deviceId: string) =>
  await asOwner(world, "select actor, detail from audit where subject = $1 and action = 'device.dropped'", [
    deviceId,
  ]);

describe("of more than 20 devices", () => {
  it("the one unused for longest gets no more pushes, and the audit says why", async () => {
    const devices = Array.from({ length: 21 }, newDevice);
    for (const device of devices.slice(0, 20)) await register(world.agnes, device);
    await register(world.agnes, devices[0]!);
    await register(world.agnes, devices[20]!);
    expect(await devicesOf(world.agnes)).toEqual([...devices.slice(2, 20), devices[0], devices[20]]);
    expect(await displacedOf(devices[1]!)).toEqual([
      { actor: `user:${world.agnes.userId}`, detail: { reason: "device_limit", device: devices[20] } },
    ]);
  });

  it("20 are left when all are registered at once, and nobody else loses one", async () => {
    const others = newDevice();
    await register(world.dora, others); // of the same company
    const devices = Array.from({ length: 60 }, newDevice);
    await Promise.all(devices.map((device) => register(world.arne, device)));
    const [left] = await asOwner(
      world,
      "select count(*)::int as count from device where user_id = $1 and dropped_at is null",
      [world.arne.userId],
    );
    expect(left).toEqual({ count: 20 });
    expect(await devicesOf(world.dora)).toContain(others);
  });

  it("that an older release let through, the 20 used last are listed", async () => {
    await asOwner(
      world,
      `insert into device (tenant_id, id, user_id, platform, push_token, registered_at)
       select $1, gen_random_uuid(), $2, 'web', gen_random_uuid()::text, clock_timestamp() - make_interval(days => n)
       from generate_series(1, 25) n`,
      [world.emil.tenantId, world.emil.userId],
    );
    const { devices } = await listDevices(world.ports, world.emil);
    expect(devices).toHaveLength(20);
    const ages = devices.map(({ registeredAt }) => Date.parse(registeredAt));
    expect(ages).toEqual(ages.toSorted((a, b) => a - b));
    expect(ages[0]).toBeGreaterThan(Date.now() - 21 * 24 * 3_600_000);
  });
});

describe("a phone that goes from one person to another", () => {
  it("tells the first one nothing more: its token stands under one live device of the tenant", async () => {
    const [doras, emils, agness] = [newDevice(), newDevice(), newDevice()];
    await register(world.dora, doras, "a shared phone");
    await register(world.agnes, agness, "another phone");
    await register(world.emil, emils, "a shared phone");
    expect(await rowOf(world.dora, doras)).toMatchObject({ dropped: true });
    expect(await displacedOf(doras)).toEqual([
      { actor: `user:${world.emil.userId}`, detail: { reason: "token_moved", device: emils } },
    ]);
    expect(await rowOf(world.agnes, agness)).toMatchObject({ dropped: false });
    await register(world.dora, doras, "a shared phone");
    expect(await rowOf(world.emil, emils)).toMatchObject({ dropped: true });
    expect(await rowOf(world.dora, doras)).toMatchObject({ dropped: false });
  });

  it("even when both register it at the same time", async () => {
    for (let time = 0; time < 10; time++) {
      const pushToken = systemIds.uuid();
      await Promise.all([world.dora, world.emil].map((actor) => register(actor, newDevice(), pushToken)));
      const live = await asOwner(
        world,
        "select id from device where push_token = $1 and dropped_at is null",
        [pushToken],
      );
      expect(live).toHaveLength(1);
    }
  });

  it("keeps its token under a device id that is somebody else's: nothing is dropped by what is refused", async () => {
    const [doras, emils] = [newDevice(), newDevice()];
    await register(world.dora, doras, "phone of Dora");
    await register(world.emil, emils, "phone of Emil");
    await expect(register(world.emil, doras, "phone of Emil")).rejects.toMatchObject({
      code: "device_taken",
    });
    expect(await rowOf(world.emil, emils)).toMatchObject({ dropped: false });
  });

  it("leaves the devices of other tenants alone", async () => {
    const franzs = newDevice();
    await register(world.franz, franzs, "phone of two tenants");
    await register(world.dora, newDevice(), "phone of two tenants");
    expect(await rowOf(world.franz, franzs)).toMatchObject({ dropped: false });
  });
});

describe("dropping a device", () => {
  it("ends its pushes; registered again, it gets them again", async () => {
    const device = newDevice();
    await register(world.agnes, device);
    await dropDevice(world.ports, world.agnes, device);
    expect(await devicesOf(world.agnes)).toEqual([]);
    await register(world.agnes, device);
    expect(await devicesOf(world.agnes)).toEqual([device]);
    expect(await auditOf(device)).toEqual(["device.registered", "device.dropped", "device.registered"]);
  });

  it("of somebody else, twice, or of an unknown one, drops nothing and claims nothing in the audit", async () => {
    const [doras, unknown] = [newDevice(), newDevice()];
    await register(world.dora, doras);
    for (const actor of [world.emil, world.agnes, world.franz]) await dropDevice(world.ports, actor, doras);
    expect(await rowOf(world.dora, doras)).toMatchObject({ dropped: false });
    expect(await auditOf(doras)).toEqual(["device.registered"]);
    await dropDevice(world.ports, world.dora, doras);
    await dropDevice(world.ports, world.dora, doras);
    await dropDevice(world.ports, world.dora, unknown);
    expect(await auditOf(doras)).toEqual(["device.registered", "device.dropped"]);
    expect(await auditOf(unknown)).toEqual([]);
  });
});
