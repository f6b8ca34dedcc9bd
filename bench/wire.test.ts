import { createEmbeddedDatabase } from "@strongroom/core/embedded/database";
import { TenantId } from "@strongroom/core/ids";
import type { Database, Transaction } from "@strongroom/core/ports/database";
import { seededPeople } from "@strongroom/local/seed";
import { testDatabase } from "@strongroom/local/test-database";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openWire, type Wire } from "./wire.ts";

const tenantId = TenantId.parse(seededPeople[0]!.tenantId);
let close: () => Promise<unknown>;
let database: Database;
let wire: Wire;
beforeAll(async () => {
  const server = await testDatabase();
  wire = await openWire(server.superuser);
  const { app, system } = server.connections;
  const { port } = wire;
  database = createEmbeddedDatabase({
    connections: { app: { ...app, port }, system: { ...system, port } },
    maxConnections: 1,
  });
  close = async () => {
    await database.close();
    await wire.close();
    await server.drop();
  };
});
afterAll(() => close());

async function tripsOf(work: (tx: Transaction) => Promise<unknown>): Promise<number> {
  await database.ping();
  const before = wire.trips();
  await database.withTenant(tenantId, work);
  return wire.trips() - before;
}
const select = (tx: Transaction, text: string) => tx.selectNoFrom((db) => db.val(text).as("text")).execute();

it("a transaction of one statement is two round trips: begin, tenant and statement, then commit", async () => {
  expect(await tripsOf((tx) => select(tx, "a"))).toBe(2);
});

it("statements that wait for the answer before are a round trip each", async () => {
  const trips = await tripsOf(async (tx) => {
    for (const text of ["a", "b", "c", "d"]) await select(tx, text);
  });
  expect(trips).toBe(5);
});

it("statements that leave together are one, however many and however large", async () => {
  const texts = ["a", "x".repeat(300_000), "b", "c"];
  expect(await tripsOf((tx) => Promise.all(texts.map((text) => select(tx, text))))).toBe(2);
});
