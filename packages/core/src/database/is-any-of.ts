import { type RawBuilder, sql } from "kysely";

/** Whether a column is one of these: a list is one parameter, so that the text, and with it the plan, is one for all lengths. */
export function isAnyOf(column: string, values: readonly (string | number)[]): RawBuilder<boolean> {
  return sql<boolean>`${sql.ref(column)} = any(${values})`;
}
