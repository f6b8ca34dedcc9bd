import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TenantId } from "../ids.ts";
import type { Database, Transaction } from "../ports/database.ts";

/** A database with two tenants that are empty but for themselves; `breakOne` ends the connection of the given backend. */
export type OpenDatabase = {
  database: Database;
  /** Another process's view of the same database. */
  other: Database;
  tenants: readonly [TenantId, TenantId];
  breakOne(backendPid: number): Promise<void>;
  close(): Promise<void>;
};

/** Leaves and finds a mark in a table that any transaction of a tenant may write. */
const leaveMark = (tx: Transaction, mark: string) =>
  tx
    .insertInto("inbox_version")
    .values({ tenant_id: tx.insideTenant, consumer: mark, document_id: tx.insideTenant, version: 1 })
    .execute();
const findMarks = async (tx: Transaction) =>
  (await tx.selectFrom("inbox_version").select("consumer").orderBy("consumer").execute()).map(
    ({ consumer }) => consumer,
  );

/** What any adapter of the `database` port must do. */
export function databaseContract(name: string, open: () => Promise<OpenDatabase>): void {
  describe(`${name} as a database`, () => {
    let world: OpenDatabase;
    beforeAll(async () => (world = await open()));
    afterAll(() => world.close());

    it("keeps what a transaction wrote once its work resolved", async () => {
      const { database, tenants } = world;
      const answer = await database.withTenant(tenants[0], async (tx) => (await leaveMark(tx, "kept"), 42));
      expect(answer).toBe(42);
      expect(await world.other.withTenant(tenants[0], findMarks)).toContain("kept");
    });

    it("keeps nothing of a transaction whose work threw, and hands on the error itself", async () => {
      const { database, tenants } = world;
      const fault = new Error("thought better of it");
      const work = async (tx: Transaction) => {
        await leaveMark(tx, "undone");
        throw fault;
      };
      await expect(database.withTenant(tenants[0], work)).rejects.toBe(fault);
      expect(await database.withTenant(tenants[0], findMarks)).not.toContain("undone");
    });

    it("does not call a transaction committed in which a statement failed unnoticed", async () => {
      const { database, tenants } = world;
      const work = async (tx: Transaction) => {
        await leaveMark(tx, "half");
        await sql`select 1 / 0`.execute(tx).catch(() => {});
      };
      await expect(database.withTenant(tenants[0], work)).rejects.toThrow("rolled back");
      expect(await database.withTenant(tenants[0], findMarks)).not.toContain("half");
    });

    it("keeps all or nothing of what leaves in one trip, and refuses what comes too late for it", async () => {
      const { database, other, tenants } = world;
      const [, marks] = await database.inOneTrip(tenants[0], (tx) =>
        Promise.all([leaveMark(tx, "one trip"), findMarks(tx)]),
      );
      expect(marks).toContain("one trip");
      const half = (tx: Transaction) =>
        Promise.all([leaveMark(tx, "half trip"), sql`select 1 / 0`.execute(tx)]);
      await expect(database.inOneTrip(tenants[0], half)).rejects.toThrow("division by zero");
      const late = async (tx: Transaction) => {
        await findMarks(tx);
        await leaveMark(tx, "late");
      };
      await expect(database.inOneTrip(tenants[0], late)).rejects.toThrow("after its transaction had left");
      const kept = await other.inOneTrip(tenants[0], findMarks);
      expect(kept.filter((mark) => ["one trip", "half trip", "late"].includes(mark))).toEqual(["one trip"]);
      expect(await other.inOneTrip(tenants[1], findMarks)).not.toContain("one trip");
    });

    it("runs the statements of a transaction in the order in which they were made, awaited or not", async () => {
      const { database, tenants } = world;
      const seen = await database.withTenant(tenants[0], async (tx) => {
        const numbers = Array.from({ length: 50 }, (_, index) => index);
        await sql`create temporary sequence place`.execute(tx);
        const rows = await Promise.all(
          numbers.map((sent) =>
            sql<{
              sent: number;
              place: number;
            }>`select ${sent}::int as sent, nextval('place') as place`.execute(tx),
          ),
        );
        return rows.map(({ rows: [row] }) => row!.place - 1 - row!.sent);
      });
      expect(seen.every((distance) => distance === 0)).toBe(true);
    });

    it("shows a tenant its own rows only, and none outside of a tenant", async () => {
      const { database, tenants } = world;
      await database.withTenant(tenants[0], (tx) => leaveMark(tx, "ours"));
      await database.withTenant(tenants[1], (tx) => leaveMark(tx, "theirs"));
      expect(await database.withTenant(tenants[1], findMarks)).toEqual(["theirs"]);
      await expect(database.system.selectFrom("inbox_version").selectAll().execute()).rejects.toThrow(
        "permission denied",
      );
    });

    it("does not let the tenant of one transaction leak into the next one on the same connection", async () => {
      const { database, tenants } = world;
      const turns = Array.from({ length: 200 }, (_, index) => tenants[index % 2]!);
      const seen = await Promise.all(
        turns.map((tenantId) =>
          database.withTenant(
            tenantId,
            async (tx) =>
              (await sql<{ tenant: string }>`select current_tenant() as tenant`.execute(tx)).rows[0]!.tenant,
          ),
        ),
      );
      expect(seen).toEqual(turns);
    });

    it("is usable again after a connection was cut in the middle of a transaction", async () => {
      const { database, tenants } = world;
      const cut = database.withTenant(tenants[0], async (tx) => {
        const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(tx);
        await world.breakOne(rows[0]!.pid);
        await leaveMark(tx, "cut");
      });
      await expect(cut).rejects.toThrow();
      expect(await database.withTenant(tenants[0], findMarks)).not.toContain("cut");
    });

    it("gives a named lock to one holder in the whole system, and to the next one after its release", async () => {
      const first = await world.database.lock("contract");
      expect(await world.other.lock("contract")).toBeNull();
      const elsewhere = await world.other.lock("another name");
      expect(elsewhere).not.toBeNull();
      await first!.release();
      const second = await world.other.lock("contract");
      expect(second).not.toBeNull();
      await Promise.all([second!.release(), elsewhere!.release()]);
    });

    it("tells the holder of a lock when its connection is lost, and gives the lock to another", async () => {
      const lock = await world.database.lock("frail");
      const lost = new Promise((resolve) => lock!.lost.addEventListener("abort", resolve));
      const { rows } = await sql<{
        pid: number;
      }>`select pid from pg_locks where locktype = 'advisory' and granted
        and database = (select oid from pg_database where datname = current_database())`.execute(
        world.other.system,
      );
      for (const { pid } of rows) await world.breakOne(pid);
      await lost;
      const next = await world.other.lock("frail");
      expect(next).not.toBeNull();
      await next!.release();
    });

    it("answers a ping", async () => {
      await expect(world.database.ping()).resolves.toBeUndefined();
    });
  });
}
