import { randomBytes, randomUUID } from "node:crypto";
import { processOnce, receive, steppedClock } from "@strongroom/local/test-pipeline";
import { type TestWorld, testWorld } from "@strongroom/local/test-world";
import { relayEvents } from "@strongroom/core/event/relay-events";
import type { Stream } from "@strongroom/core/ports/stream";
import { DeviceId } from "@strongroom/core/ids";
import { registerDevice } from "@strongroom/core/user/register-device";
import { afterAll, beforeAll, expect, it } from "vitest";
import { notifier } from "./notifier.ts";
import { createVitals } from "./vitals.ts";

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

it("a notifier that hangs in its seat makes no round, whatever is behind it; with nothing of its own behind it, idleness is one", async () => {
  const stop = new AbortController();
  const clock = steppedClock();
  let lag: number | Error = 0;
  let ofOthers = 0;
  const stream: Stream = {
    ...world.ports.stream,
    consume: ({ signal }) => new Promise((resolve) => signal.addEventListener("abort", () => resolve())),
    lag: async (_group, _topic, { own = false } = {}) => {
      if (lag instanceof Error) throw lag;
      return own ? lag : lag + ofOthers;
    },
  };
  const vitals = createVitals(clock);
  const ports = { ...world.ports, clock, stream };
  const { done } = await notifier({ ports, name: "notifier-test", stopping: stop.signal, vitals });
  const { beat } = world.config.periods;
  const nextBeat = async () => {
    await clock.asleep(beat);
    clock.pass(beat);
    await clock.asleep(beat);
  };
  await nextBeat();
  expect(vitals.sinceRoundMs()).toBe(0);
  ofOthers = 5;
  await nextBeat();
  expect(vitals.sinceRoundMs()).toBe(0);
  expect(await vitals.gauges()[0]!.read()).toEqual([{ labels: { topic: "documents" }, value: 5 }]);
  [lag, ofOthers] = [3, 0];
  for (let beats = 1; beats <= 3; beats += 1) {
    await nextBeat();
    expect(vitals.sinceRoundMs()).toBe(beats * beat);
  }
  expect(await vitals.gauges()[0]!.read()).toEqual([{ labels: { topic: "documents" }, value: 3 }]);
  lag = new Error("no broker");
  await nextBeat();
  expect([vitals.sinceRoundMs(), vitals.isWell()]).toEqual([0, false]);
  expect(await vitals.gauges()[0]!.read()).toEqual([]);
  stop.abort();
  await done;
});
