import { withClient } from "@strongroom/core/database/roles";
import { testDatabase, type TestDatabase } from "@strongroom/local/test-database";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { vacuumAll } from "./find-canary.ts";

let database: TestDatabase;
beforeAll(async () => void (database = await testDatabase()));
afterAll(() => database.drop());

/** What keeps a deleted row: a snapshot in which it still is, or a transaction that is older and may take one. */
const keepers = {
  "has a snapshot any more in which it still is": "begin isolation level repeatable read; select 1",
  "is in an older transaction, with a snapshot or without": "begin; select pg_current_xact_id()",
};

it.each(Object.entries(keepers))("vacuums what was deleted once nobody %s", async (_title, keep) => {
  await withClient(database.superuser, async (client) => {
    await client.query("create table gone as select 'canary' as word");
    onTestFinished(() =>
      withClient(database.superuser, (last) => last.query("drop table gone")).then(() => {}),
    );
    await withClient(database.superuser, async (other) => {
      await other.query(keep);
      await client.query("delete from gone");
      const vacuumed = vacuumAll(client);
      await Promise.race([vacuumed, untilItLooks()]);
      await other.query("commit");
      await vacuumed;
    });
    const { rows } = await client.query("select pg_relation_size('gone')::int as size");
    expect(rows).toEqual([{ size: 0 }]);
  });
});

it("vacuums what was deleted, whoever is in an older transaction of another database", async () => {
  await withClient(database.superuser, async (client) => {
    await client.query("create table gone as select 'canary' as word");
    await withClient({ ...database.superuser, database: "postgres" }, async (other) => {
      await other.query(keepers["is in an older transaction, with a snapshot or without"]);
      await client.query("delete from gone");
      await vacuumAll(client);
    });
    const { rows } = await client.query("select pg_relation_size('gone')::int as size");
    expect(rows).toEqual([{ size: 0 }]);
    await client.query("drop table gone");
  });
});

/** Until somebody asks who has an old snapshot. */
async function untilItLooks(): Promise<void> {
  const looks = `select from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()
    and query like '%age(backend_xmin)%'`;
  await withClient(database.superuser, async (client) => {
    while (!(await client.query(looks)).rowCount) await sleep(5);
  });
}
