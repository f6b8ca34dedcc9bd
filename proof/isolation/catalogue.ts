import type { withClient } from "@strongroom/core/database/roles";

/** A connection to the database. */
export type Client = Parameters<Parameters<typeof withClient>[1]>[0];

export type Column = {
  table: string;
  column: string;
  /** As PostgreSQL names it: `text`, `uuid`, `jsonb`, `text[]`. */
  type: string;
  notNull: boolean;
  hasDefault: boolean;
  generated: boolean;
};

/** Every column of every table of a schema, from the catalogue. */
export async function columnsOf(client: Client, schema = "public"): Promise<Column[]> {
  const { rows } = await client.query<Column>(
    `select c.relname as table, a.attname as column, format_type(a.atttypid, null) as type, a.attnotnull as "notNull",
       a.atthasdef or a.attidentity <> '' as "hasDefault", a.attgenerated <> '' as generated
     from pg_class c join pg_attribute a on a.attrelid = c.oid
     where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped
     order by 1, a.attnum`,
    [schema],
  );
  return rows;
}

/** The tables whose rows belong to a tenant, with the column that says to which. */
export function tenantTables(columns: Column[]): { table: string; column: string }[] {
  const named = columns.filter(({ column }) => column === "tenant_id");
  return [...named.map(({ table }) => ({ table, column: "tenant_id" })), { table: "tenant", column: "id" }];
}
