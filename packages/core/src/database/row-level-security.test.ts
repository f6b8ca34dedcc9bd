import { newDocumentId, type TestWorld, testWorld } from "@strongroom/local/test-world";
import type pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { randomUUID } from "node:crypto";
import { withClient } from "./roles.ts";

let world: TestWorld;
beforeAll(async () => (world = await testWorld()));
afterAll(() => world.close());

const asOwner = <T>(work: (client: pg.Client) => Promise<T>) =>
  withClient(world.database.connections.owner, work);
const refused = { code: "42501" };

/** As the app role, inside a tenant, outside of any code of ours. */
function asApp<T>(tenantId: string | null, work: (client: pg.Client) => Promise<T>): Promise<T> {
  return withClient(world.database.connections.app, async (client) => {
    await client.query("begin");
    if (tenantId) await client.query("select enter_tenant($1)", [tenantId]);
    return await work(client);
  });
}

const tenantTables = () =>
  asOwner(async (client) => {
    const { rows } = await client.query<{ name: string; secured: boolean; forced: boolean }>(`
      select c.relname as name, c.relrowsecurity as secured, c.relforcerowsecurity as forced from pg_class c
      join pg_attribute a on a.attrelid = c.oid and (a.attname = 'tenant_id' or c.relname = 'tenant')
      where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace and a.attnum > 0
      group by 1, 2, 3 order by 1`);
    return rows;
  });

async function addDocument(
  client: pg.Client,
  { tenantId, userId }: { tenantId: string; userId: string },
): Promise<string> {
  const id = newDocumentId();
  await client.query(
    `insert into document (tenant_id, id, owner_id, kind, state, request_sha256, content_sha256, size_bytes, grant_expires_at)
     values ($1, $2, $3, 'cmr', 'granted', '', '', 1, now())`,
    [tenantId, id, userId],
  );
  return id;
}

describe("every table with rows of tenants", () => {
  it("is guarded by row-level security that binds its owner too; a new table that is not makes this test red", async () => {
    const tables = await tenantTables();
    expect(tables.length).toBeGreaterThan(14);
    expect(tables.filter(({ secured, forced }) => !secured || !forced)).toEqual([]);
  });

  it("shows nothing to the app role outside of a tenant", async () => {
    await asOwner((client) => addDocument(client, world.dora));
    for (const { name } of await tenantTables()) {
      const rows = await asApp(
        null,
        async (client) =>
          (await client.query(`select * from ${name}`).catch((error: { code: string }) => error.code)) as
            | { rowCount: number }
            | string,
      );
      expect(typeof rows === "string" ? rows : rows.rowCount, name).toSatisfy(
        (seen) => seen === 0 || seen === "42501",
      );
    }
  });

  it("shows only rows of the entered tenant", async () => {
    await asOwner(async (client) => [
      await addDocument(client, world.dora),
      await addDocument(client, world.franz),
    ]);
    for (const { name } of (await tenantTables()).filter((table) => table.name !== "outbox")) {
      const column = name === "tenant" ? "id" : "tenant_id";
      const { rows } = await asApp(world.dora.tenantId, (client) =>
        client.query<{ tenant: string }>(`select distinct ${column} as tenant from ${name}`),
      );
      expect(
        rows.filter(({ tenant }) => tenant !== world.dora.tenantId),
        name,
      ).toEqual([]);
    }
  });
});

describe("the app role", () => {
  const writes: [string, string][] = [
    [
      "writes no row for another tenant",
      "insert into app_user (tenant_id, id, name, role) values ($1, gen_random_uuid(), 'Mallory', 'admin')",
    ],
    ["moves no row into another tenant", "update app_user set tenant_id = $1"],
    ["cannot switch row-level security off", "set row_security = off; select * from document -- $1"],
    ["cannot become the owner", "set role strongroom_owner -- $1"],
    ["cannot become the system", "set role strongroom_system -- $1"],
    ["cannot truncate", "truncate document cascade -- $1"],
    ["cannot delete documents", "delete from document where tenant_id <> $1"],
    ["cannot delete audit entries", "delete from audit where tenant_id <> $1"],
    ["cannot rewrite an audit entry", "update audit set actor = 'nobody' where tenant_id <> $1"],
    ["cannot take events back", "delete from outbox where tenant_id <> $1"],
    ["cannot mark events as published", "update outbox set published_at = now() where tenant_id <> $1"],
    ["cannot change quotas", "update tenant set user_documents_per_day = 1000000 where id <> $1"],
    ["cannot reach the tables of queue and stream", "select * from embedded.queue_message where $1 <> ''"],
    ["cannot make tables", "create table mine (id text) -- $1"],
  ];
  it.each(writes)("%s", async (_title, statement) => {
    const text = statement.includes("-- $1")
      ? statement.replace("-- $1", "")
      : statement.replaceAll("$1", `'${world.franz.tenantId}'`);
    await expect(asApp(world.dora.tenantId, (client) => client.query(text))).rejects.toMatchObject(refused);
  });

  it("finds no foreign row to change", async () => {
    const foreign = await asOwner((client) => addDocument(client, world.franz));
    const { rowCount } = await asApp(world.dora.tenantId, (client) =>
      client.query("update document set note = 'mine' where id = $1", [foreign]),
    );
    expect(rowCount).toBe(0);
  });

  it("cannot attach a page to a document of another tenant", async () => {
    const foreign = await asOwner((client) => addDocument(client, world.franz));
    const attach = asApp(world.dora.tenantId, (client) =>
      client.query(
        `insert into document_file (tenant_id, document_id, id, position, name, media_type, size_bytes, sha256, staging_key)
         values ($1, $2, $3, 1, 'x', 'image/jpeg', 1, repeat('0', 64), 's/x')`,
        [world.dora.tenantId, foreign, randomUUID()],
      ),
    );
    await expect(attach).rejects.toMatchObject({ code: "23503" });
  });

  it("may use one document id that another tenant uses: ids reveal nothing", async () => {
    const id = await asOwner((client) => addDocument(client, world.franz));
    const values = [world.dora.tenantId, id, world.dora.userId];
    const insert = asApp(world.dora.tenantId, (client) =>
      client.query(
        "insert into document (tenant_id, id, owner_id, kind, state, request_sha256, content_sha256, size_bytes, grant_expires_at) values ($1, $2, $3, 'cmr', 'granted', '', '', 1, now())",
        values,
      ),
    );
    await expect(insert).resolves.toMatchObject({ rowCount: 1 });
  });

  it("finds words of its own tenant alone, through the index", async () => {
    const [ours, theirs] = await asOwner(async (client) => {
      const ids = [await addDocument(client, world.dora), await addDocument(client, world.franz)];
      const add =
        "insert into page_text (tenant_id, document_id, page, body) values ($1, $2, 1, 'Hamburg harbour')";
      await client.query(add, [world.dora.tenantId, ids[0]]);
      await client.query(add, [world.franz.tenantId, ids[1]]);
      return ids;
    });
    const search = (tenantId: string | null) =>
      asApp(tenantId, async (client) =>
        (await client.query<{ document_id: string }>("select * from search_documents('hamburg')")).rows.map(
          (row) => row.document_id,
        ),
      );
    expect(await search(world.dora.tenantId)).toEqual([ours]);
    expect(await search(world.franz.tenantId)).toEqual([theirs]);
    expect(await search(null)).toEqual([]);
  });
});

describe("the system role", () => {
  const forbidden = [
    "select note from document",
    "select load_number from document",
    "select detail from audit",
    "select * from app_user",
    "select wrapped from document_key",
    "update document set state = 'stored'",
    "update outbox set data = '{}'",
    "select body from page_text",
  ];
  it.each(forbidden)("is refused: %s", async (statement) => {
    await expect(
      withClient(world.database.connections.system, (client) => client.query(statement)),
    ).rejects.toMatchObject(refused);
  });

  it("sees what is to be scheduled across tenants", async () => {
    await asOwner(async (client) => [
      await addDocument(client, world.dora),
      await addDocument(client, world.franz),
    ]);
    const { rows } = await withClient(world.database.connections.system, (client) =>
      client.query("select distinct tenant_id from document where state = 'granted'"),
    );
    expect(rows).toHaveLength(2);
  });
});

it("no role of Strongroom is superuser, bypasses row-level security or makes roles", async () => {
  const { rows } = await asOwner((client) =>
    client.query(
      "select rolname from pg_roles where rolname like 'strongroom%' and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb)",
    ),
  );
  expect(rows).toEqual([]);
});
