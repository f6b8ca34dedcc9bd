import { withClient } from "@strongroom/core/database/roles";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { seed, seededPeople } from "./seed.ts";
import { type TestDatabase, testDatabase } from "./test-database.ts";

let database: TestDatabase;
beforeEach(async () => void (database = await testDatabase()));
afterEach(async () => await database.drop());

const ask = async (sql: string): Promise<Record<string, unknown>[]> =>
  await withClient(database.superuser, async (client) => (await client.query(sql)).rows);

describe("a new installation", () => {
  test("has two tenants, their people, and the same kinds of documents for both", async () => {
    await seed(database.connections.owner);
    expect(
      await ask("select count(*)::int as people, count(distinct tenant_id)::int as tenants from app_user"),
    ).toEqual([{ people: seededPeople.length, tenants: 2 }]);
    expect(await ask("select tenant_id, count(*)::int as kinds from document_kind group by 1")).toMatchObject(
      [{ kinds: 7 }, { kinds: 7 }],
    );
  });

  test("is seeded once, also by two starts at the same moment", async () => {
    await Promise.all([seed(database.connections.owner), seed(database.connections.owner)]);
    expect(await ask("select count(*)::int as tenants from tenant")).toEqual([{ tenants: 2 }]);
  });

  test("keeps what was changed and removed in it since", async () => {
    await seed(database.connections.owner);
    await ask("delete from document_kind where name = 'other'");
    await ask("update app_user set name = 'Dora Berg' where name = 'Dora Lind'");
    await seed(database.connections.owner);
    expect(await ask("select name from document_kind where name = 'other'")).toEqual([]);
    expect(await ask("select name from app_user where name like 'Dora %'")).toEqual([{ name: "Dora Berg" }]);
  });

  test("puts none of its people into a database that has tenants of its own", async () => {
    await ask("insert into tenant (id, name) values ('11111111-1111-4111-8111-111111111111', 'Own')");
    await seed(database.connections.owner);
    expect(await ask("select name from tenant")).toEqual([{ name: "Own" }]);
    expect(await ask("select count(*)::int as people from app_user")).toEqual([{ people: 0 }]);
  });
});
