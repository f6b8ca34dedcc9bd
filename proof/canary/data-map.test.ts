import { withClient } from "@strongroom/core/database/roles";
import { type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Client, columnsOf } from "../isolation/catalogue.ts";
import { type MappedColumn, readDataMap } from "./data-map.ts";

let world: TestWorld;
let map: MappedColumn[];
beforeAll(async () => {
  world = await testWorld();
  map = await readDataMap();
});
afterAll(() => world.close());

const asSuperuser = <T>(work: (client: Client) => Promise<T>) => withClient(world.database.superuser, work);
const schemas = ["public", "embedded"];

/** Columns that the map or the catalogue has and the other has not, and those that are mapped twice. */
async function findDifferences(client: Client): Promise<string[]> {
  const found = await Promise.all(
    schemas.map(async (schema) =>
      (await columnsOf(client, schema)).map(({ table, column }) => `${schema}.${table}.${column}`),
    ),
  );
  const [there, mapped] = [found.flat(), map.map(({ name }) => name)];
  return [
    ...there.filter((name) => !mapped.includes(name)).map((name) => `${name} is not classified`),
    ...mapped.filter((name) => !there.includes(name)).map((name) => `${name} does not exist`),
    ...mapped.filter((name, index) => mapped.indexOf(name) < index).map((name) => `${name} is there twice`),
  ];
}

/** Personal columns that the role which works across tenants may read. */
async function findSeenBySystem(client: Client): Promise<string[]> {
  const personal = map.filter((one) => one.class === "personal").map(({ name }) => name);
  const { rows } = await client.query<{ name: string }>(
    `select n.nspname || '.' || c.relname || '.' || a.attname as name
     from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
     where n.nspname || '.' || c.relname || '.' || a.attname = any ($1)
       and has_column_privilege('strongroom_system', c.oid, a.attnum, 'select')`,
    [personal],
  );
  return rows.map(({ name }) => name);
}

test("every column of every table is classified in the data map, and none that is not there", async () => {
  expect(await asSuperuser(findDifferences)).toEqual([]);
});

test("what is personal says why it is there, how long, and what erases it", () => {
  const personal = map.filter((one) => one.class === "personal");
  expect(personal.length).toBeGreaterThan(8);
  for (const { name, says } of personal)
    expect(
      says.filter((text) => text.length > 2),
      name,
    ).toHaveLength(3);
});

test("the role that works across tenants reads nothing personal", async () => {
  expect(await asSuperuser(findSeenBySystem)).toEqual([]);
});

test.each<[string, string, RegExp]>([
  ["a new column", "alter table document add column phone text", /public.document.phone is not classified/],
  ["a new table", "create table embedded.mail (body text)", /embedded.mail.body is not classified/],
  ["a column that went", "alter table device drop column platform", /public.device.platform does not exist/],
  ["a grant too many", "grant select (note) on document to strongroom_system", /public.document.note/],
])("%s is found", async (_what, statement, finding) => {
  const found = await asSuperuser(async (client) => {
    await client.query("begin");
    await client.query(statement);
    return [...(await findDifferences(client)), ...(await findSeenBySystem(client))];
  });
  expect(found).toHaveLength(1);
  expect(found[0]).toMatch(finding);
});
