import { randomUUID } from "node:crypto";
import { withClient } from "@strongroom/core/database/roles";
import { createPostgresDatabase } from "@strongroom/core/database/postgres-database";
import { TenantId } from "@strongroom/core/ids";
import type { Database, DatabaseRole } from "@strongroom/core/ports/database";
import { type TestDatabase, testDatabase } from "@strongroom/local/test-database";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Client, type Column, columnsOf, tenantTables } from "./catalogue.ts";
import { judgeCatalogue } from "./judge-catalogue.ts";
import { fingerprintOf } from "./mark-tenant.ts";
import { fillTables, insertRow, sampleRow } from "./sample-row.ts";

const [ours, theirs] = [TenantId.parse(randomUUID()), TenantId.parse(randomUUID())];
let database: TestDatabase;
let columns: Column[];
beforeAll(async () => {
  database = await testDatabase();
  await asSuperuser(async (client) => {
    for (const tenant of [ours, theirs]) await fillTables(client, tenant);
    columns = await columnsOf(client);
  });
});
afterAll(() => database.drop());

const asSuperuser = <T>(work: (client: Client) => Promise<T>) => withClient(database.superuser, work);

/** One transaction of a role, inside a tenant or outside of all; undone. */
const as = <T>(role: DatabaseRole, tenant: string | null, work: (client: Client) => Promise<T>) =>
  withClient(database.connections[role], async (client) => {
    await client.query("begin");
    if (tenant) await client.query("select enter_tenant($1)", [tenant]);
    const result = await work(client);
    await client.query("rollback");
    return result;
  });

type Attempt = { code: string | null; message: string; rows: number };

/** What becomes of a statement, in a savepoint of its own. */
async function attempt(client: Client, text: string, values: unknown[] = []): Promise<Attempt> {
  await client.query("savepoint attempt");
  try {
    const { rowCount } = await client.query(text, values);
    return { code: null, message: "", rows: rowCount ?? 0 };
  } catch (error) {
    await client.query("rollback to attempt");
    const { code = "", message } = error as Error & { code?: string };
    return { code, message, rows: 0 };
  }
}

type Row = { table: string; column: string };
const denied = "42501";
const nothing = ({ code, rows }: Attempt) => (code === null && rows === 0) || code === denied;

/** Each table of a tenant, with what was attempted on it. */
async function attempts(
  tenant: string | null,
  make: (row: Row) => [text: string, values?: unknown[]] | null,
): Promise<[string, Attempt][]> {
  return await as("app", tenant, async (client) => {
    const seen: [string, Attempt][] = [];
    for (const row of tenantTables(columns)) {
      const statement = make(row);
      if (statement) seen.push([row.table, await attempt(client, ...statement)]);
    }
    return seen;
  });
}
const wrong = (seen: [string, Attempt][]) => seen.filter(([, one]) => !nothing(one));

describe("the app role, in every table that the catalogue knows to hold rows of tenants", () => {
  test("has something to find there: each tenant has a row in each", async () => {
    const prints = await Promise.all([ours, theirs].map((one) => fingerprintOf(database.superuser, one)));
    for (const print of prints) {
      expect(Object.keys(print).length).toBeGreaterThan(14);
      expect(Object.entries(print).filter(([, text]) => text.startsWith("0 "))).toEqual([]);
    }
  });

  test("sees its own row, so that what follows can fail", async () => {
    const seen = await attempts(ours, ({ table, column }) => [`select ${column} from ${table}`]);
    expect(seen.filter(([, { rows }]) => rows !== 1).map(([table]) => table)).toEqual([]);
  });

  test("sees nothing outside of a tenant, nor inside one that does not exist", async () => {
    for (const tenant of [null, randomUUID()]) {
      const seen = await attempts(tenant, ({ table, column }) => [`select ${column} from ${table}`]);
      expect(wrong(seen)).toEqual([]);
    }
  });

  test("sees no row of another tenant, by whatever it asks for it", async () => {
    for (const condition of ["$c = $1", "$c <> current_tenant()", "$c::text = $1::text"]) {
      const seen = await attempts(ours, ({ table, column }) => [
        `select ${column} from ${table} where ${condition.replace("$c", column)}`,
        condition.includes("$1") ? [theirs] : [],
      ]);
      expect(wrong(seen)).toEqual([]);
    }
  });

  test("changes and deletes no row of another tenant", async () => {
    const before = await fingerprintOf(database.superuser, theirs);
    const changed = await attempts(ours, ({ table, column }) => [
      `update ${table} set ${writable(table) ?? column} = ${writable(table) ?? column} where ${column} = $1`,
      [theirs],
    ]);
    const deleted = await attempts(ours, ({ table, column }) => [
      `delete from ${table} where ${column} = $1`,
      [theirs],
    ]);
    expect([...wrong(changed), ...wrong(deleted)]).toEqual([]);
    expect(await fingerprintOf(database.superuser, theirs)).toEqual(before);
  });

  test("moves no row of its own into another tenant", async () => {
    const seen = await attempts(ours, ({ table, column }) => [
      `update ${table} set ${column} = $1`,
      [theirs],
    ]);
    expect(seen.filter(([, { code }]) => code !== denied)).toEqual([]);
  });

  test("writes no row for another tenant: refused by row-level security where it may write at all", async () => {
    const rows = await asSuperuser(async (client) => {
      await client.query("begin");
      await client.query("set local session_replication_role = replica");
      const samples: [string, Record<string, unknown>][] = [];
      for (const { table } of tenantTables(columns))
        samples.push([table, await sampleRow(client, columns, table, randomUUID())]);
      return samples;
    });
    await as("app", ours, async (client) => {
      for (const [table, sample] of rows) {
        const column = table === "tenant" ? "id" : "tenant_id";
        // The graph of states is judged before row-level security is.
        const row = { ...sample, [column]: theirs, ...(table === "document" && { state: "granted" }) };
        await client.query("savepoint attempt");
        const refusal = await insertRow(client, table, row).then(
          () => ({ code: "none", message: "it was written" }),
          (error: Error & { code: string }) => error,
        );
        await client.query("rollback to attempt");
        const { rows: may } = await client.query<{ may: boolean }>(
          "select has_any_column_privilege($1, 'insert') as may",
          [table],
        );
        expect([table, refusal.code]).toEqual([table, denied]);
        expect(refusal.message).toMatch(may[0]!.may ? /row-level security/ : /permission denied/);
      }
    });
  });

  test("finds no word of another tenant by any function that runs as its owner", async () => {
    const functions = await asSuperuser((client) =>
      client.query<{ call: string }>(
        `select proname || '(' || array_to_string(array_fill('''sample'''::text, array[pronargs::int]), ', ') || ')' as call
         from pg_proc where pronamespace = 'public'::regnamespace and prosecdef`,
      ),
    );
    expect(functions.rows.length).toBeGreaterThan(0);
    for (const { call } of functions.rows) {
      const { rows } = await as("app", ours, (client) => client.query(`select * from ${call}`));
      expect(rows, call).toHaveLength(1);
      const outside = await as("app", null, (client) => client.query(`select * from ${call}`));
      expect(outside.rows, call).toEqual([]);
    }
  });
});

/** A column that the app role may change. */
const changeable = new Map<string, string>();
const writable = (table: string) => changeable.get(table);
beforeAll(async () => {
  const { rows } = await asSuperuser((client) =>
    client.query<{ table: string; column: string }>(
      `select table_name as table, min(column_name::text) as column from information_schema.column_privileges
       where grantee = 'strongroom_app' and privilege_type = 'UPDATE' and table_schema = 'public' group by 1`,
    ),
  );
  for (const { table, column } of rows) changeable.set(table, column);
});

describe("the catalogue", () => {
  test("shows no way past the tenant", async () => {
    expect(await asSuperuser(judgeCatalogue)).toEqual([]);
  });

  const table = "create table planted (tenant_id uuid not null)";
  const guarded = `${table}; alter table planted enable row level security; alter table planted force row level security`;
  const definer = "language sql security definer";
  test.each<[string, string, RegExp]>([
    ["a table without row-level security", table, /planted has no row-level security/],
    [
      "a table that does not bind its owner",
      `${table}; alter table planted enable row level security`,
      /planted does not bind/,
    ],
    ["a table without a tenant", "create table planted (id uuid)", /planted has no tenant/],
    ["a tenant that may be null", guarded.replace(" not null", ""), /planted may be null/],
    [
      "a policy for all",
      `${guarded}; create policy p on planted using (true)`,
      /planted.p lets requests past/,
    ],
    [
      "a policy that lets rows in",
      `${guarded}; create policy p on planted using (tenant_id = current_tenant()) with check (true)`,
      /planted.p lets requests past/,
    ],
    ["a view of its owner", "create view planted as select * from document", /planted is a view with/],
    [
      "a view with rows of its own",
      "create materialized view planted as select 1 as a",
      /planted is a view that/,
    ],
    [
      "an open search path",
      `create function planted() returns int ${definer} as 'select 1'`,
      /planted runs as its owner with/,
    ],
    [
      "a function that is told its tenant",
      `create function planted(tenant uuid) returns int ${definer} set search_path = public, pg_temp as 'select 1'`,
      /planted runs as its owner and is told/,
    ],
    [
      "a function of a superuser for everybody",
      `create function planted() returns int ${definer} set search_path = public, pg_temp as 'select 1'`,
      /planted runs as (its owner and may be called by everybody|a superuser)/,
    ],
    ["a grant to everybody", "grant select on tenant to public", /tenant SELECT is open to everybody/],
    [
      "a right to empty a table",
      "grant truncate on document to strongroom_app",
      /on document may be emptied/,
    ],
    [
      "a role within a role",
      "grant strongroom_owner to strongroom_app",
      /strongroom_app -> strongroom_owner/,
    ],
    ["a way into queue and stream", "grant usage on schema embedded to strongroom_app", /reaches the tables/],
    ["a table of the app role", "alter table document_transition owner to strongroom_app", /owns a table/],
  ])("is found to have %s", async (_what, statement, finding) => {
    const findings = await asSuperuser(async (client) => {
      await client.query("begin");
      await client.query(statement);
      return await judgeCatalogue(client);
    });
    expect(findings.join("\n")).toMatch(finding);
  });
});

describe("a pooled connection", () => {
  let pooled: Database;
  beforeAll(() => {
    pooled = createPostgresDatabase({ connections: database.connections, maxConnections: 1 });
  });
  afterAll(() => pooled.close());

  const tenantNow = async (client: Client) =>
    (await client.query<{ tenant: string | null }>("select current_tenant() as tenant")).rows[0]!.tenant;
  /** The one connection of the pool, as whoever comes next finds it. */
  const next = (tenant: TenantId) =>
    pooled.withTenant(tenant, async (tx) => {
      const { rows } = await sql<{
        tenants: string[];
      }>`select array_agg(tenant_id) as tenants from app_user`.execute(tx);
      return rows[0]!.tenants;
    });

  test.each<[string, () => Promise<unknown>]>([
    ["was committed", () => next(theirs)],
    ["threw", () => pooled.withTenant(theirs, () => Promise.reject(new Error("thought better of it")))],
    ["failed in the database", () => pooled.withTenant(theirs, (tx) => sql`select 1 / 0`.execute(tx))],
    [
      "entered another tenant itself",
      () => pooled.withTenant(ours, (tx) => sql`select enter_tenant(${theirs}::uuid)`.execute(tx)),
    ],
  ])("leaks no tenant to the next user after a transaction that %s", async (_what, work) => {
    await work().catch(() => {});
    expect(await next(ours)).toEqual([ours]);
  });

  test("is in no tenant once its transaction is over, unless somebody says SET", async () => {
    await withClient(database.connections.app, async (client) => {
      for (const end of ["commit", "rollback"]) {
        await client.query("begin");
        await client.query("select enter_tenant($1)", [theirs]);
        expect(await tenantNow(client)).toBe(theirs);
        await client.query(end);
        expect(await tenantNow(client)).toBeNull();
      }
      await client.query(`set strongroom.tenant = '${theirs}'`);
      await client.query("begin");
      await client.query("commit");
      expect(await tenantNow(client)).toBe(theirs); // why nothing of ours says SET
    });
  });
});
