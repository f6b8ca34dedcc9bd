import { asOwner, newPage, receive, setDocument, walkTo } from "@strongroom/local/test-documents";
import { type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, beforeAll, expect, it } from "vitest";
import { systemClock } from "../clock.ts";
import { showHealth } from "./show-health.ts";

let world: TestWorld;
beforeAll(async () => (world = await testWorld()));
afterAll(() => world.close());

const beat = (name: string, network: string, ago: string) =>
  asOwner(
    world,
    `insert into worker (name, kind, isolation, beat_at)
     values ('${name}', 'processor', '{"network": "${network}"}', now() - interval '${ago}')`,
  );

it("is degraded while no processor is alive, and nothing is known of isolation", async () => {
  const nobody = { status: "degraded", isolation: null, oldestWaitingMs: null };
  expect(await showHealth(world.ports)).toEqual(nobody);
  await beat("dead", "none", "31 seconds");
  expect(await showHealth(world.ports)).toEqual(nobody);
  await beat("alive", "none", "0 seconds");
  expect(await showHealth(world.ports)).toEqual({ ...nobody, status: "ok", isolation: { network: "none" } });
});

it("is degraded once the oldest document waits for more than ten minutes, over all tenants", async () => {
  await beat("busy", "none", "0 seconds");
  const older = await receive(world, world.dora, [newPage()]);
  const younger = await receive(world, world.franz, [newPage()]);
  await setDocument(world, older.id, "received_at = '2026-01-01T00:00:00Z'");
  await setDocument(world, younger.id, "received_at = '2026-01-01T00:05:00Z'");
  const at = (time: string) =>
    showHealth({ ...world.ports, clock: { ...systemClock, now: () => new Date(time) } });
  expect(await at("2026-01-01T00:10:00.000Z")).toMatchObject({ status: "ok", oldestWaitingMs: 600_000 });
  expect(await at("2026-01-01T00:10:00.001Z")).toMatchObject({
    status: "degraded",
    oldestWaitingMs: 600_001,
  });
  expect(await at("2025-12-31T23:59:59.000Z")).toMatchObject({ status: "ok", oldestWaitingMs: 0 });
  await setDocument(world, older.id, "state = 'processing'");
  expect(await at("2026-01-01T00:10:00.001Z")).toMatchObject({ status: "degraded" });
  await walkTo(world, older.id, "failed");
  expect(await at("2026-01-01T00:10:00.001Z")).toMatchObject({ status: "ok", oldestWaitingMs: 300_001 });
});

it("shows the isolation of the processor heard of last", async () => {
  await beat("older", "none", "20 seconds");
  await beat("newer", "own", "0 seconds");
  expect(await showHealth(world.ports)).toMatchObject({ isolation: { network: "own" } });
});
