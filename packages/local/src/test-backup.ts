import { withClient } from "@strongroom/core/database/roles";
import type { Connection } from "@strongroom/core/ports/database";

/** A dump of every table of our schemas at one moment: rows as JSON, by `schema.table`. */
export type TableDump = Map<string, string>;

type Client = Parameters<Parameters<typeof withClient>[1]>[0];

const ourTables = `select format('%I.%I', table_schema, table_name) as name, table_schema as schema, table_name as table
  from information_schema.tables where table_schema in ('public', 'embedded') and table_type = 'BASE TABLE' order by 1`;

/** Reads every row of a database as its superuser, in one snapshot, as `pg_dump --data-only` does. */
export async function dumpTables(superuser: Connection): Promise<TableDump> {
  return await withClient(superuser, async (client) => {
    await client.query("begin isolation level repeatable read read only");
    const { rows: tables } = await client.query<{ name: string }>(ourTables);
    const dump: TableDump = new Map();
    for (const { name } of tables) {
      const { rows } = await client.query<{ all: string }>(
        `select coalesce(jsonb_agg(to_jsonb(t)), '[]')::text as all from ${name} t`,
      );
      dump.set(name, rows[0]!.all);
    }
    return dump;
  });
}

/** Puts a dump in the place of whatever a database of the same schema holds; sequences go on behind the highest number. */
export async function restoreTables(superuser: Connection, dump: TableDump): Promise<void> {
  await withClient(superuser, async (client) => {
    await client.query("begin");
    await client.query("set local session_replication_role = replica"); // no triggers, no foreign keys
    const { rows: tables } = await client.query<{ name: string; schema: string; table: string }>(ourTables);
    await client.query(`truncate ${tables.map(({ name }) => name).join(", ")}`);
    for (const table of tables) await restoreTable(client, table, dump.get(table.name) ?? "[]");
    await client.query("commit");
  });
}

async function restoreTable(
  client: Client,
  { name, schema, table }: { name: string; schema: string; table: string },
  rows: string,
): Promise<void> {
  const columns = await client.query<{ list: string | null }>(
    `select string_agg(quote_ident(column_name), ', ') as list from information_schema.columns
     where table_schema = $1 and table_name = $2 and is_generated = 'NEVER'`,
    [schema, table],
  );
  const list = columns.rows[0]!.list!;
  await client.query(
    `insert into ${name} (${list}) overriding system value select ${list} from jsonb_populate_recordset(null::${name}, $1::jsonb)`,
    [rows],
  );
  const serial = await client.query<{ column: string; sequence: string }>(
    `select column_name as column, pg_get_serial_sequence($1, column_name) as sequence from information_schema.columns
     where table_schema = $2 and table_name = $3 and pg_get_serial_sequence($1, column_name) is not null`,
    [name, schema, table],
  );
  for (const { column, sequence } of serial.rows)
    await client.query(`select setval($1, coalesce((select max(${column}) from ${name}), 0) + 1, false)`, [
      sequence,
    ]);
}
