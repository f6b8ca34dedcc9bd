import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { processOnce, query, receive, rowOf } from "@strongroom/local/test-pipeline";
import { type TestWorld, testWorld } from "@strongroom/local/test-world";
import { systemClock } from "@strongroom/core/clock";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { opener } from "./opener.ts";
import { createVitals } from "./vitals.ts";

let world: TestWorld;
beforeAll(async () => (world = await testWorld({ periods: { fixity: 1, fixityRound: 20 } })));
afterAll(() => world.close());

it("an opener checks what is stored round by round, and of two only one does", async () => {
  const bell = await receive(world, world.dora, [randomBytes(30)]);
  await processOnce(world.ports, bell);
  const checked = async () => (await rowOf(world, bell))["fixity_checked_at"] as Date | null;
  const stops = [new AbortController(), new AbortController()];
  const vitals = stops.map(() => createVitals(systemClock));
  const running = await Promise.all(
    stops.map(({ signal }, at) =>
      opener({ ports: world.ports, name: `opener-${at}`, stopping: signal, vitals: vitals[at]! }),
    ),
  );
  await vi.waitFor(async () => expect(await checked()).not.toBeNull(), 10_000);
  const first = (await checked())!.getTime();
  await vi.waitFor(async () => expect((await checked())!.getTime()).toBeGreaterThan(first), 10_000);
  const active = vitals.filter((one) =>
    one.counted().some(({ name }) => name === "strongroom_fixity_checked_total"),
  );
  expect(active).toHaveLength(1);
  expect(active[0]!.counted()).toContainEqual(
    expect.objectContaining({ samples: [{ labels: { found: "intact" }, value: expect.any(Number) }] }),
  );
  expect(await active[0]!.gauges()[0]!.read()).toEqual([{ value: expect.any(Number) }]);
  for (const stop of stops) stop.abort();
  await Promise.all(running.map(({ done }) => done));
});

it("an opener goes on after a round that failed", async () => {
  const stop = new AbortController();
  const vitals = createVitals(systemClock);
  let fails = 2;
  const head: typeof world.ports.objects.head = (key) =>
    fails-- > 0
      ? Promise.reject(Object.assign(new Error("away"), { code: "ECONNREFUSED" }))
      : world.ports.objects.head(key);
  await query(world, "update document set fixity_checked_at = null");
  const ports = { ...world.ports, objects: { ...world.ports.objects, head } };
  const { done } = await opener({ ports, name: "opener", stopping: stop.signal, vitals });
  await vi.waitFor(
    () =>
      expect(vitals.counted().find(({ name }) => name.endsWith("rounds_total"))?.samples).toContainEqual({
        labels: { ok: "false" },
        value: 2,
      }),
    10_000,
  );
  await vi.waitFor(() => expect(vitals.isWell()).toBe(true), 10_000);
  stop.abort();
  await done;
});

it("an opener that is told to stop does so in the middle of an object, and complains of nothing", async () => {
  const bell = await receive(world, world.dora, [randomBytes(30)]);
  await processOnce(world.ports, bell);
  const stop = new AbortController();
  const told: string[] = [];
  const note = (event: string) => void told.push(event);
  const log = { ...world.ports.log, warn: note, error: note };
  const reading = Promise.withResolvers<void>();
  const read = async (): Promise<Readable> => new Readable({ read: () => reading.resolve() });
  await query(world, "update document set fixity_checked_at = null");
  const ports = { ...world.ports, log, objects: { ...world.ports.objects, read } };
  const { done } = await opener({ ports, name: "opener", stopping: stop.signal });
  await reading.promise;
  stop.abort();
  await done;
  expect(told).toEqual([]);
  expect(await rowOf(world, bell)).toMatchObject({ fixity_checked_at: null, fixity_fault: null });
});
