import { randomBytes, randomUUID } from "node:crypto";
import { processOnce, receive } from "@strongroom/local/test-pipeline";
import { type TestWorld, testWorld } from "@strongroom/local/test-world";
import { relayEvents } from "@strongroom/core/event/relay-events";
import { DeviceId } from "@strongroom/core/ids";
import { registerDevice } from "@strongroom/core/user/register-device";
import { afterAll, beforeAll, expect, it } from "vitest";
import { notifier } from "./notifier.ts";

let world: TestWorld;
beforeAll(async () => (world = await testWorld()));
afterAll(() => world.close());

it("a notifier tells the owner's device of a stored document, remembers how far it came, and ends when it is told to", async () => {
  const pushToken = randomUUID();
  await registerDevice(world.ports, world.dora, {
    deviceId: DeviceId.parse(randomUUID()),
    platform: "ios",
    pushToken,
  });
  const stop = new AbortController();
  const { done, isolation } = await notifier({
    ports: world.ports,
    name: "notifier-test",
    stopping: stop.signal,
  });
  const told = Promise.withResolvers<Record<string, string>>();
  const unsubscribe = world.ports.push.subscribe(pushToken, ({ data }) => told.resolve(data));
  const bell = await receive(world, world.dora, [randomBytes(20)]);
  await processOnce(world.ports, bell);
  await relayEvents(world.ports);
  expect(await told.promise).toEqual({
    documentId: bell.documentId,
    type: "document.stored.v1",
    version: "3",
  });
  unsubscribe();
  expect(isolation).toBeNull();
  await expect.poll(() => world.ports.stream.lag("notifier", "documents"), { timeout: 10_000 }).toBe(0);
  stop.abort();
  await done;
});
