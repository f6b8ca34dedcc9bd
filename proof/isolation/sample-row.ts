import { randomUUID } from "node:crypto";
import { type Client, type Column, columnsOf, tenantTables } from "./catalogue.ts";

/** Values that a column may be tried with, by type; checks of the table take one of them or its own literals. */
const samples: Record<string, () => unknown[]> = {
  uuid: () => [randomUUID()],
  text: () => ["sample", "0".repeat(64)],
  "text[]": () => [[]],
  jsonb: () => ["{}"],
  bytea: () => [Buffer.from("sample")],
  integer: () => [1],
  bigint: () => [1],
  boolean: () => [false],
  "timestamp with time zone": () => [new Date()],
};

/** The columns that a new row must bring, with a value for each. Throws for a table whose checks no sample passes. */
export async function sampleRow(
  client: Client,
  columns: Column[],
  table: string,
  tenantId: string,
): Promise<Record<string, unknown>> {
  const needed = columns.filter(
    (one) => one.table === table && one.notNull && !one.hasDefault && !one.generated,
  );
  const literals = await literalsOf(client, table);
  let faults = "";
  for (const turn of [0, 1]) {
    const row = Object.fromEntries(
      needed.map((one) => [one.column, valueOf(one, turn, literals, table, tenantId)]),
    );
    await client.query("savepoint sample");
    const fault = await insertRow(client, table, row).then(
      () => null,
      (error: Error) => error.message,
    );
    await client.query("rollback to sample");
    if (fault === null) return row;
    faults += `\n${fault}`;
  }
  throw new Error(`teach the samples to make a row of ${table}:${faults}`);
}

/** Gives a tenant a row in every table in which it has none. Only for a superuser: references are not checked. */
export async function fillTables(client: Client, tenantId: string): Promise<void> {
  const columns = await columnsOf(client);
  await client.query("begin");
  await client.query("set local session_replication_role = replica");
  for (const { table, column } of tenantTables(columns)) {
    const { rowCount } = await client.query(`select from ${table} where ${column} = $1 limit 1`, [tenantId]);
    if (rowCount === 0) await insertRow(client, table, await sampleRow(client, columns, table, tenantId));
  }
  await client.query("commit");
}

/** Inserts one row as it is. */
export async function insertRow(client: Client, table: string, row: Record<string, unknown>): Promise<void> {
  const names = Object.keys(row);
  const places = names.map((_, index) => `$${index + 1}`);
  await client.query(
    `insert into ${table} (${names.join(", ")}) values (${places.join(", ")})`,
    Object.values(row),
  );
}

/** The texts that the checks of a table name, by column. */
async function literalsOf(client: Client, table: string): Promise<Map<string, string>> {
  const { rows } = await client.query<{ column: string; definition: string }>(
    `select a.attname as column, pg_get_constraintdef(c.oid) as definition from pg_constraint c
     join pg_attribute a on a.attrelid = c.conrelid and a.attnum = any(c.conkey)
     where c.conrelid = $1::regclass and c.contype = 'c' and cardinality(c.conkey) = 1`,
    [table],
  );
  const choices = rows.flatMap(({ column, definition }) => {
    const literal = /ARRAY\['([^']*)'/.exec(definition)?.[1];
    return literal === undefined ? [] : [[column, literal] as const];
  });
  return new Map(choices);
}

function valueOf(
  { column, type }: Column,
  turn: number,
  literals: Map<string, string>,
  table: string,
  tenantId: string,
): unknown {
  if (column === "tenant_id" || (table === "tenant" && column === "id")) return tenantId;
  const literal = literals.get(column);
  if (literal !== undefined) return literal;
  const choices = samples[type.replace(/\(\d+\)/, "")]?.();
  if (!choices) throw new Error(`teach the samples the type ${type} of ${table}.${column}`);
  return choices[turn % choices.length];
}
