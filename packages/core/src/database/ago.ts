import { type RawBuilder, sql } from "kysely";

/**
 * That long before the statement, by the database's clock, to compare a column with. `clock_timestamp()` may be another one at each
 * row, so PostgreSQL looks at every row for it, and no index bounds what is older or younger.
 */
export const ago = (ms: number): RawBuilder<Date> =>
  sql<Date>`statement_timestamp() - ${ms}::float8 * interval '1 millisecond'`;
