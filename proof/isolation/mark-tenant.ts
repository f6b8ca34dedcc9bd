import { withClient } from "@strongroom/core/database/roles";
import type { Connection } from "@strongroom/core/ports/database";
import { type Client, type Column, columnsOf, tenantTables } from "./catalogue.ts";

/** Stands in every marked value, in lower case, since search does not keep the case. */
export const marker = "foreignmarker7q";

export type Marked = {
  /** `table.column` of what now holds the marker. */
  columns: string[];
  /** Columns of the same types that take no free text; `state`, `role` and other closed sets. */
  closed: string[];
  /** Columns of tables without a row of this tenant: nothing of theirs was marked. */
  empty: string[];
};

/** How a marker is written in a column of each type that can hold words; `$row` makes it another in every row. */
const expressions: Record<string, string> = {
  text: `'${marker} ' || $row`,
  "character varying": `'${marker} ' || $row`,
  "text[]": `array['${marker} ' || $row]`,
  jsonb: `jsonb_build_object('${marker}', '${marker} ' || $row)`,
  json: `json_build_object('${marker}', '${marker} ' || $row)`,
  bytea: `convert_to('${marker} ' || $row, 'UTF8')`,
};

/**
 * Puts the marker into every column that can hold words, in all rows of one tenant; references and the first values of
 * closed sets stay, since the database refuses anything else there.
 */
export async function markTenant(superuser: Connection, tenantId: string): Promise<Marked> {
  return await withClient(superuser, async (client) => {
    const columns = await columnsOf(client);
    const marked: Marked = { columns: [], closed: [], empty: [] };
    for (const { table, column } of tenantTables(columns)) {
      const wordy = columns.filter((one) => one.table === table && one.type in expressions && !one.generated);
      for (const one of wordy)
        marked[await mark(client, one, column, tenantId)].push(`${table}.${one.column}`);
    }
    return marked;
  });
}

async function mark(
  client: Client,
  { table, column, type }: Column,
  tenantColumn: string,
  tenantId: string,
): Promise<keyof Marked> {
  const value = expressions[type]!.replaceAll("$row", "md5(ctid::text)");
  try {
    const { rowCount } = await client.query(
      `update ${client.escapeIdentifier(table)} set ${client.escapeIdentifier(column)} = ${value} where ${tenantColumn} = $1`,
      [tenantId],
    );
    return rowCount === 0 ? "empty" : "columns";
  } catch (error) {
    // checks, references and our own triggers; anything else is a fault of this code
    if (["23514", "23503", "SR001"].includes((error as { code?: string }).code ?? "")) return "closed";
    throw error;
  }
}

/** Every id that stands in a row of a tenant, whatever the column. */
export async function idsOf(superuser: Connection, tenantId: string): Promise<Set<string>> {
  return await withClient(superuser, async (client) => {
    const columns = await columnsOf(client);
    const ids = new Set<string>();
    for (const { table, column: tenantColumn } of tenantTables(columns)) {
      for (const { column } of columns.filter((one) => one.table === table && one.type === "uuid")) {
        const { rows } = await client.query<{ id: string }>(
          `select distinct ${column}::text as id from ${table} where ${tenantColumn} = $1 and ${column} is not null`,
          [tenantId],
        );
        for (const { id } of rows) ids.add(id);
      }
    }
    return ids;
  });
}

/** One hash over all rows of a tenant in every table: equal as long as nobody wrote there. */
export async function fingerprintOf(
  superuser: Connection,
  tenantId: string,
): Promise<Record<string, string>> {
  return await withClient(superuser, async (client) => {
    const prints: Record<string, string> = {};
    for (const { table, column } of tenantTables(await columnsOf(client))) {
      const { rows } = await client.query<{ print: string }>(
        `select count(*) || ' ' || coalesce(md5(string_agg(t::text, ',' order by t::text)), '') as print from ${table} t where ${column} = $1`,
        [tenantId],
      );
      prints[table] = rows[0]!.print;
    }
    return prints;
  });
}
