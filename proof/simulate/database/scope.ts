import { NotModelled } from "../world/faults.ts";
import type { Entry, Row } from "./rows.ts";

/** The rows that a name in a statement may mean, from the inside out. */
export type Scope = {
  /** Name of the table, or its alias. */
  name: string;
  row: Row;
  outer: Scope | null;
  /** Where the row stands in its table; null for a row that a statement made. */
  entry: Entry | null;
  /** The row that could not be inserted, in `on conflict do update`. */
  excluded?: Row;
};

/** The value of a column, `table` null when it is not named. */
export function lookUp(scope: Scope | null, table: string | null, column: string): unknown {
  for (let at = scope; at !== null; at = at.outer) {
    if (table !== null && table !== at.name) continue;
    const value = at.row[column];
    if (value !== undefined) return value;
  }
  throw new NotModelled(`no column ${table === null ? "" : `${table}.`}${column} here`);
}
