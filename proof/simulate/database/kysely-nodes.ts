import type { Tables } from "@strongroom/core/database/tables";
import {
  type CompiledQuery,
  Kysely,
  type KyselyProps,
  PostgresAdapter,
  type QueryExecutor,
  type QueryResult,
  type RootOperationNode,
} from "kysely";
import type { Row } from "./rows.ts";

const adapter = new PostgresAdapter();

/** What a statement came to, as kysely takes it. */
export function asResult({ rows, affected }: { rows: Row[]; affected: number }): QueryResult<Row> {
  return { rows, numAffectedRows: BigInt(affected) };
}

/** Kysely's builder, with nothing behind it but this function. */
export function kyselyOver(run: (node: RootOperationNode) => Promise<QueryResult<Row>>): Kysely<Tables> {
  const executor = {
    adapter,
    plugins: [],
    transformQuery: (node: RootOperationNode) => node,
    compileQuery: (query: RootOperationNode, queryId: unknown) => ({
      query,
      queryId,
      sql: "",
      parameters: [],
    }),
    executeQuery: (compiled: CompiledQuery) => run(compiled.query),
  } as unknown as QueryExecutor;
  return new Kysely<Tables>({ config: {}, driver: {}, dialect: {}, executor } as unknown as KyselyProps);
}

/** A statement in a word, for the history. */
export function describe(node: RootOperationNode): string {
  const text = JSON.stringify(node, (key, value: unknown) => (key === "with" ? undefined : value));
  const tables = [
    ...text.matchAll(
      /"kind":"SchemableIdentifierNode","identifier":\{"kind":"IdentifierNode","name":"(\w+)"/g,
    ),
  ];
  return `${node.kind.replace(/(Query)?Node$/, "").toLowerCase()} ${[...new Set(tables.map(([, name]) => name))].join(" ")}`;
}
