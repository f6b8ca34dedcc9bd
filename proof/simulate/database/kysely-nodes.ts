import type { Tables } from "@strongroom/core/database/tables";
import type { Transaction } from "@strongroom/core/ports/database";
import type { Kysely } from "kysely";
import { nodeOf } from "./build.ts";
import { beginAt, type Builder, type Run } from "./builder.ts";

/** What the use-cases take for kysely, with nothing behind it but this function. */
export function kyselyOver(run: Run): Kysely<Tables> {
  return beginAt("queries", run) as unknown as Kysely<Tables>;
}

/** The same of a transaction. */
export function transactionOver(run: Run, tenantId: string): Transaction {
  return beginAt("queries", run, tenantId) as unknown as Transaction;
}

/** A statement in a word, for the history. */
export function describe(statement: Builder): string {
  const node = nodeOf(statement);
  const text = JSON.stringify(node, (key, value: unknown) => (key === "with" ? undefined : value));
  const tables = [
    ...text.matchAll(
      /"kind":"SchemableIdentifierNode","identifier":\{"kind":"IdentifierNode","name":"(\w+)"/g,
    ),
  ];
  return `${node.kind.replace(/(Query)?Node$/, "").toLowerCase()} ${[...new Set(tables.map(([, name]) => name))].join(" ")}`;
}
