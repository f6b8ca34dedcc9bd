import { query, steppedClock } from "@strongroom/local/test-pipeline";
import { type TestWorld, testWorld } from "@strongroom/local/test-world";
import { showHealth } from "@strongroom/core/job/show-health";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { reportHealth } from "./health.ts";

let world: TestWorld;
beforeAll(async () => (world = await testWorld()));
afterAll(() => world.close());

const beatMs = 10_000;
const isolation = { network: "none", memoryLimit: "rlimit", environment: "empty" } as const;
const rows = (name: string) =>
  query<{ kind: string; isolation: object; beat_at: Date; started_at: Date }>(
    world,
    "select * from worker where name = $1",
    [name],
  );

it("a worker says at every beat that it lives and how its children are isolated, and is gone from the list when it goes", async () => {
  const stop = new AbortController();
  const clock = steppedClock(new Date(0)); // of a node that is wrong
  const reporting = reportHealth(
    { ...world.ports, clock },
    { name: "one", kind: "processor", isolation },
    stop.signal,
  );
  await clock.asleep(beatMs);
  const [first] = await rows("one");
  expect(first).toMatchObject({ kind: "processor", isolation });
  expect(await showHealth(world.ports)).toMatchObject({ isolation });
  clock.pass(beatMs);
  await vi.waitFor(async () =>
    expect((await rows("one"))[0]!.beat_at.getTime()).toBeGreaterThan(first!.beat_at.getTime()),
  );
  expect((await rows("one"))[0]!.started_at).toEqual(first!.started_at);
  stop.abort();
  await reporting;
  expect(await rows("one")).toEqual([]);
});

it("a worker whose report fails works on, and reports again", async () => {
  const stop = new AbortController();
  const clock = steppedClock();
  const events: string[] = [];
  const log = { ...world.ports.log, warn: (event: string) => void events.push(event) };
  await query(world, "revoke insert on worker from strongroom_system");
  const reporting = reportHealth(
    { ...world.ports, clock, log },
    { name: "two", kind: "relay", isolation: null },
    stop.signal,
  );
  await clock.asleep(beatMs);
  expect(events).toEqual(["health.not_reported"]);
  await query(world, "grant insert on worker to strongroom_system");
  clock.pass(beatMs);
  await vi.waitFor(async () => expect(await rows("two")).toMatchObject([{ kind: "relay", isolation: null }]));
  stop.abort();
  await reporting;
});
