import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { seed, seededPeople } from "@strongroom/local/seed";
import { testDatabase, type TestDatabase } from "@strongroom/local/test-database";
import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { Connection, Database } from "../ports/database.ts";
import { isOutage } from "./outage.ts";
import { createPostgresDatabase } from "./postgres-database.ts";
import { roleName, withClient } from "./roles.ts";

let database: TestDatabase;
const { tenantId } = seededPeople[0]!;
beforeAll(async () => {
  database = await testDatabase();
  await seed(database.connections.owner);
});
afterAll(() => database.drop());
const closing: (() => unknown)[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const close of closing.splice(0)) await close();
});

/** Pools of one connection each. */
function open(at: Partial<Connection> = {}): Database {
  const { app, system } = database.connections;
  const connections = { app: { ...app, ...at }, system: { ...system, ...at } };
  const opened = createPostgresDatabase({ connections, maxConnections: 1 });
  closing.unshift(() => opened.close());
  return opened;
}
const ask = (text: string) => sql<{ pid: number }>`select pg_backend_pid() as pid, ${sql.lit(text)}`;
const roads: Record<string, (opened: Database, text: string) => Promise<unknown>> = {
  "a transaction": (opened, text) => opened.withTenant(tenantId, (tx) => ask(text).execute(tx)),
  "a transaction of one trip": (opened, text) => opened.inOneTrip(tenantId, (tx) => ask(text).execute(tx)),
  "the system": (opened, text) => ask(text).execute(opened.system),
};

/** A way to the server on which a connection stands still for ever, without an end, once it was sent this text. */
async function holeFor(text: string) {
  const [fallen, left] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const behind = connect(database.superuser);
    let isDead = false;
    client.on("data", (bytes) => {
      isDead ||= bytes.includes(text);
      if (isDead) fallen.resolve();
      else behind.write(bytes);
    });
    client.on("end", () => (isDead ? left.resolve() : behind.end()));
    behind.on("data", (bytes) => void (isDead || client.write(bytes)));
    behind.on("end", () => void (isDead || client.end()));
    for (const socket of [client, behind]) socket.on("error", () => {});
    closing.push(() => (client.destroy(), behind.destroy()));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closing.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  return { at: { host: "127.0.0.1", port }, fallen: fallen.promise, left: left.promise };
}
const timers = () => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });

describe("a server that went away and closed nothing", () => {
  it.each(Object.entries(roads))(
    "is an outage for %s after thirty seconds, and the next one gets another connection",
    async (_name, go) => {
      timers();
      const hole = await holeFor("into the hole");
      const opened = open(hole.at);
      await go(opened, "over it");
      let outcome: unknown = "none yet";
      const lost = go(opened, "into the hole").catch((error: unknown) => (outcome = error));
      await hole.fallen;
      const next = lost.then(() => go(opened, "over it"));
      await vi.advanceTimersByTimeAsync(29_999);
      expect(outcome).toBe("none yet");
      await vi.advanceTimersByTimeAsync(1);
      expect(isOutage(await lost)).toBe(true);
      await expect(next).resolves.toBeDefined();
    },
  );

  it("is an outage for whoever wants a lock, and keeps no connection", async () => {
    timers();
    const hole = await holeFor("pg_try_advisory_lock");
    const lost = open(hole.at)
      .lock("hole")
      .catch((error: unknown) => error);
    await hole.fallen;
    await vi.advanceTimersByTimeAsync(30_000);
    expect(isOutage(await lost)).toBe(true);
    await hole.left;
  });

  it("keeps nobody who gives a lock back", async () => {
    timers();
    const goodbye = "X\0\0\0\u0004";
    const hole = await holeFor(goodbye);
    const lock = await open(hole.at).lock("hole");
    const given = lock!.release();
    await hole.fallen;
    await vi.advanceTimersByTimeAsync(2_000);
    await given;
    expect(lock!.lost.aborted).toBe(true);
  });
});

/** Sessions that begin meanwhile read only, as on a server that is not the writer. */
async function whileReader(begin: () => Promise<unknown>): Promise<void> {
  await withClient(database.superuser, async (client) => {
    const { database: name } = database.connections.app;
    const alter = (how: string) =>
      Promise.all(
        (["app", "system"] as const).map((role) =>
          client.query(`alter role ${roleName(role)} in database ${name} ${how}`),
        ),
      );
    await alter("set default_transaction_read_only = on");
    await begin();
    await alter("reset default_transaction_read_only");
  });
}
const writes: Record<string, (opened: Database) => Promise<unknown>> = {
  "a transaction": (opened) =>
    opened.withTenant(tenantId, (tx) => tx.deleteFrom("inbox_version").where("version", "=", 0).execute()),
  "a transaction of one trip": (opened) =>
    opened.inOneTrip(tenantId, (tx) => tx.deleteFrom("inbox_version").where("version", "=", 0).execute()),
  "the system": (opened) => opened.system.deleteFrom("outbox").where("id", "=", 0).execute(),
};

describe("a server that is the writer no more", () => {
  it.each(Object.entries(writes))(
    "is an outage for what %s writes, and is left at once",
    async (name, write) => {
      const opened = open();
      await whileReader(() => roads[name]!(opened, "read"));
      const refused = await write(opened).catch((error: unknown) => error);
      expect(refused).toMatchObject({ code: "25006" });
      expect(isOutage(refused)).toBe(true);
      await expect(write(opened)).resolves.toBeDefined();
    },
  );
});
