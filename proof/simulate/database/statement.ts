import { NotModelled } from "../world/faults.ts";
import type {
  ColumnNode,
  ColumnUpdateNode,
  DeleteQueryNode,
  InsertQueryNode,
  OnConflictNode,
  OperationNode,
  PrimitiveValueListNode,
  RawNode,
  ReturningNode,
  SelectQueryNode,
  UpdateQueryNode,
  ValueListNode,
  ValuesNode,
  WhereNode,
  WithNode,
} from "kysely";
import { evaluate, type Running } from "./evaluate.ts";
import { fragmentOf } from "./fragments.ts";
import type { Entry, Row } from "./rows.ts";
import type { Scope } from "./scope.ts";
import { nameOf, project, select, type Sources, tableOf } from "./select.ts";
import type { Table } from "./tables.ts";

export type Result = { rows: Row[]; affected: number };

/** What statements need beyond tables: the clock, and sequences, which draw outside of all transactions. */
export type Means = { now: () => Date; nextToken: () => number; nextId: () => number };

/**
 * Carries out one statement as kysely built it, before it would have become text. A lock in its way throws `MustWait`
 * before anything was changed: the whole statement runs again when the lock is gone.
 */
export function carryOut(node: OperationNode, sources: Omit<Sources, "named">, means: Means): Result {
  const { session, tables } = sources;
  const withs = (node as { with?: WithNode }).with?.expressions;
  const named = withs === undefined ? noNames : new Map<string, Row[]>();
  const all: Sources = { session, tables, named };
  const running: Running = {
    now: means.now,
    nextToken: means.nextToken,
    select: (inner, outer) => select(inner, outer, all, running),
  };
  const statement = { sources: all, means, running };
  for (const { name, expression } of withs ?? [])
    named.set(name.table.table.identifier.name, dispatch(expression, statement).rows);
  return dispatch(node, statement);
}

const noNames = new Map<string, Row[]>();

type Statement = { sources: Sources; means: Means; running: Running };

function dispatch(node: OperationNode, statement: Statement): Result {
  switch (node.kind) {
    case "SelectQueryNode": {
      const rows = statement.running.select(node as SelectQueryNode, null);
      return { rows, affected: rows.length };
    }
    case "InsertQueryNode":
      return insert(node as InsertQueryNode, statement);
    case "UpdateQueryNode":
      return update(node as UpdateQueryNode, statement);
    case "DeleteQueryNode":
      return remove(node as DeleteQueryNode, statement);
    case "RawNode":
      return carryOutRaw(node as RawNode, statement);
    default:
      throw new NotModelled(`the simulation does not know ${node.kind}`);
  }
}

function update(node: UpdateQueryNode, { sources, running }: Statement): Result {
  const { table: name, alias } = nameOf(node.table!);
  const table = tableOf(sources, name);
  const found = lockWhere(table, alias, node.where, sources, running);
  const updates = node.updates ?? [];
  const rows = found.map((entry) =>
    change(table, entry, updates, { name: alias, row: entry.pending!, outer: null, entry }, running),
  );
  return { rows: returned(node.returning, rows, alias, running), affected: found.length };
}

function change(
  table: Table,
  entry: Entry,
  updates: readonly ColumnUpdateNode[],
  scope: Scope,
  running: Running,
): Row {
  const changed: Record<string, unknown> = { ...entry.pending };
  for (const { column, value } of updates) {
    const name = (column as ColumnNode).column.name;
    changed[name] = table.kept(name, evaluate(value, scope, running));
  }
  table.update(entry, changed);
  return changed;
}

/** Every row that fits is locked before the first one is changed. */
function lockWhere(
  table: Table,
  alias: string,
  where: WhereNode | undefined,
  { session }: Sources,
  running: Running,
): Entry[] {
  const found: Entry[] = [];
  let scope: Scope | null = null; // one serves all rows: nothing of it stays
  for (const entry of table.entries) {
    const row = session.sees(entry);
    if (row === null) continue;
    scope ??= { name: alias, row, outer: null, entry };
    scope.row = row;
    if (where && evaluate(where.where, scope, running) !== true) continue;
    session.take(table, entry);
    found.push(entry);
  }
  return found;
}

function remove(node: DeleteQueryNode, { sources, running }: Statement): Result {
  const { table: name, alias } = nameOf(node.from.froms[0]!);
  const table = tableOf(sources, name);
  const found = lockWhere(table, alias, node.where, sources, running);
  const rows = found.map((entry) => entry.pending!);
  for (const entry of found) entry.pending = null;
  return { rows: returned(node.returning, rows, alias, running), affected: found.length };
}

function insert(node: InsertQueryNode, statement: Statement): Result {
  const { sources, running, means } = statement;
  const name = nameOf(node.into!).table;
  const table = tableOf(sources, name);
  const given = rowsToInsert(node, statement);
  const rows = given.map((values) => {
    const row = table.definition.defaults(means.now, means.nextId);
    for (const column in values) row[column] = table.kept(column, values[column]);
    return row as Row;
  });
  const conflicts = rows.map((row) => table.conflict(sources.session, row));
  const inserted: Row[] = [];
  rows.forEach((row, at) => {
    const conflict = conflicts[at] ?? null;
    if (conflict === null) table.insert(sources.session, row);
    const kept = conflict === null ? row : resolve(node.onConflict, table, conflict, row, statement);
    if (kept) inserted.push(kept);
  });
  return { rows: returned(node.returning, inserted, name, running), affected: inserted.length };
}

/** The row that `on conflict do update` made; null when nothing was to be done. */
function resolve(
  onConflict: OnConflictNode | undefined,
  table: Table,
  entry: Entry,
  excluded: Row,
  { sources: { session }, running }: Statement,
): Row | null {
  if (!onConflict) throw table.repeated();
  if (onConflict.doNothing) return null;
  session.take(table, entry);
  const scope = { name: table.name, row: entry.pending!, outer: null, entry, excluded };
  return change(table, entry, onConflict.updates ?? [], scope, running);
}

function rowsToInsert(node: InsertQueryNode, { running }: Statement): Row[] {
  const columns = (node.columns ?? []).map(({ column }) => column.name);
  const values = node.values!;
  if (values.kind === "SelectQueryNode")
    return running.select(values as SelectQueryNode, null).map((row) => named(columns, Object.values(row)));
  if (values.kind === "RawNode")
    return (evaluate(values, null, running) as unknown[][]).map((row) => named(columns, row));
  return (values as ValuesNode).values.map((item) =>
    named(
      columns,
      item.kind === "PrimitiveValueListNode"
        ? (item as PrimitiveValueListNode).values
        : (item as ValueListNode).values.map((value) =>
            value.kind === "DefaultInsertValueNode" ? undefined : evaluate(value, null, running),
          ),
    ),
  );
}

function named(columns: readonly string[], values: readonly unknown[]): Row {
  const row: Record<string, unknown> = {};
  columns.forEach((column, at) => {
    if (values[at] !== undefined) row[column] = values[at];
  });
  return row;
}

function returned(node: ReturningNode | undefined, rows: Row[], name: string, running: Running): Row[] {
  if (!node) return [];
  return rows.map((row) => project(node.selections, { name, row, outer: null, entry: null }, running, []));
}

/** Statements that are written as text from end to end. */
function carryOutRaw(node: RawNode, { sources, running }: Statement): Result {
  const values = node.parameters.map((parameter) => evaluate(parameter, null, running));
  const { text } = fragmentOf(node.sqlFragments);
  if (text === "select pg_advisory_xact_lock(hashtextextended($, 1))") {
    sources.session.lock(values[0] as string);
    return { rows: [{}], affected: 1 };
  }
  if (text.startsWith("update audit set sequence = l.sequence")) return chainAudit(values, sources);
  throw new NotModelled(`the simulation does not know this statement: ${text}`);
}

type Link = { id: number; sequence: number; previous: string; hash: string };

/** `update audit … from jsonb_to_recordset($) … where audit.tenant_id = $ and audit.id = l.id and audit.sequence is null` */
function chainAudit([links, tenantId]: unknown[], sources: Sources): Result {
  const byId = new Map((JSON.parse(links as string) as Link[]).map((link) => [link.id, link]));
  const table = tableOf(sources, "audit");
  const { session } = sources;
  const found = table.entries.filter((entry) => {
    const row = session.sees(entry);
    return row?.["tenant_id"] === tenantId && row!["sequence"] === null && byId.has(row!["id"] as number);
  });
  for (const entry of found) session.take(table, entry);
  for (const entry of found) {
    const { sequence, previous, hash } = byId.get(entry.pending!["id"] as number)!;
    table.update(entry, { ...entry.pending, sequence, previous_hash: previous, hash });
  }
  return { rows: [], affected: found.length };
}
