import { NotModelled } from "../world/faults.ts";
import type {
  ColumnNode,
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
import { nodeOf } from "./build.ts";
import type { Builder, Result } from "./builder.ts";
import { type Evaluate, type Running, value } from "./evaluate.ts";
import { fragmentOf } from "./fragments.ts";
import type { Entry, Row, Session } from "./rows.ts";
import type { Scope } from "./scope.ts";
import { evaluator, nameOf, projection, select, tableOf } from "./select.ts";
import type { Shape } from "./shape.ts";
import type { Table } from "./tables.ts";

/** What statements need beyond tables: the clock, and sequences, which draw outside of all transactions. */
export type Means = { now: () => Date; nextToken: () => number; nextId: () => number };
type Work = Running & Means;
type Plan = (work: Work) => Result;

const plans = new WeakMap<Shape, { plan: Plan; names: boolean }>();

/**
 * Carries out one statement as kysely built it, before it would have become text. A lock in its way throws `MustWait`
 * before anything was changed: the whole statement runs again when the lock is gone.
 */
export function carryOut(
  statement: Builder,
  { session, tables }: Pick<Running, "session" | "tables">,
  { now, nextToken, nextId }: Means,
): Result {
  const known = plans.get(statement.shape) ?? read(statement);
  const named = known.names ? new Map<string, Row[]>() : null;
  return known.plan({ session, tables, named, parameters: statement.parameters, now, nextToken, nextId });
}

/** Reads a statement; one that cannot be read is no outage, whoever asked for it. */
function read(statement: Builder): { plan: Plan; names: boolean } {
  try {
    const node = nodeOf(statement);
    const known = { plan: withNames(node), names: (node as { with?: WithNode }).with !== undefined };
    plans.set(statement.shape, known);
    return known;
  } catch (error) {
    throw new NotModelled(`the simulation cannot read a statement: ${String(error)}`);
  }
}

/** A statement after those of its `with` clauses, whose rows have names in it. */
function withNames(node: OperationNode): Plan {
  const before = ((node as { with?: WithNode }).with?.expressions ?? []).map(({ name, expression }) => ({
    name: name.table.table.identifier.name,
    plan: planOf(expression),
  }));
  const plan = planOf(node);
  if (before.length === 0) return plan;
  return (work) => {
    for (const one of before) work.named!.set(one.name, one.plan(work).rows ?? []);
    return plan(work);
  };
}

function planOf(node: OperationNode): Plan {
  switch (node.kind) {
    case "SelectQueryNode": {
      const found = select(node as SelectQueryNode);
      return (work) => {
        const rows = found(null, work);
        return { rows, affected: rows.length };
      };
    }
    case "InsertQueryNode":
      return insert(node as InsertQueryNode);
    case "UpdateQueryNode":
      return update(node as UpdateQueryNode);
    case "DeleteQueryNode":
      return remove(node as DeleteQueryNode);
    case "RawNode":
      return raw(node as RawNode);
    default:
      throw new NotModelled(`the simulation does not know ${node.kind}`);
  }
}

const noRows: readonly Row[] = [];

function update(node: UpdateQueryNode): Plan {
  const { table: name, alias } = nameOf(node.table!);
  const found = lockWhere(name, alias, node.where);
  const change = changing(node.updates ?? []);
  const answer = returned(node.returning, alias);
  return (work) => {
    const table = tableOf(work, name);
    const rows = found(work).map((entry) =>
      change(table, entry, { name: alias, row: entry.pending!, outer: null, entry }, work),
    );
    return { rows: answer(rows, work), affected: rows.length };
  };
}

type Changing = (table: Table, entry: Entry, scope: Scope, work: Work) => Row;

function changing(updates: NonNullable<UpdateQueryNode["updates"]>): Changing {
  const all = updates.map(({ column, value: given }) => ({
    name: (column as ColumnNode).column.name,
    given: evaluator(given),
  }));
  return (table, entry, scope, work) => {
    const changed: Record<string, unknown> = { ...entry.pending };
    for (const { name, given } of all) changed[name] = table.kept(name, given(scope, work, noRows));
    table.update(entry, changed);
    return changed;
  };
}

/** Every row that fits is locked before the first one is changed. */
function lockWhere(name: string, alias: string, where: WhereNode | undefined): (work: Work) => Entry[] {
  const fits = where ? evaluator(where.where) : null;
  return (work) => {
    const found: Entry[] = [];
    const table = tableOf(work, name);
    let scope: Scope | null = null; // one serves all rows: nothing of it stays
    for (const entry of table.entries) {
      const row = work.session.sees(entry);
      if (row === null) continue;
      scope ??= { name: alias, row, outer: null, entry };
      scope.row = row;
      if (fits !== null && fits(scope, work, noRows) !== true) continue;
      work.session.take(table, entry);
      found.push(entry);
    }
    return found;
  };
}

function remove(node: DeleteQueryNode): Plan {
  const { table: name, alias } = nameOf(node.from.froms[0]!);
  const found = lockWhere(name, alias, node.where);
  const answer = returned(node.returning, alias);
  return (work) => {
    const entries = found(work);
    const rows = entries.map((entry) => entry.pending!);
    for (const entry of entries) entry.pending = null;
    return { rows: answer(rows, work), affected: entries.length };
  };
}

function insert(node: InsertQueryNode): Plan {
  const { table: name } = nameOf(node.into!);
  const given = rowsToInsert(node);
  const resolve = resolving(node.onConflict);
  const answer = returned(node.returning, name);
  return (work) => {
    const table = tableOf(work, name);
    const rows = given(work).map((values) => {
      const row = table.definition.defaults(work.now, work.nextId);
      for (const column in values) row[column] = table.kept(column, values[column]);
      return row as Row;
    });
    const conflicts = rows.map((row) => table.conflict(work.session, row));
    const inserted: Row[] = [];
    rows.forEach((row, at) => {
      const conflict = conflicts[at] ?? null;
      if (conflict === null) table.insert(work.session, row);
      const kept = conflict === null ? row : resolve(table, conflict, row, work);
      if (kept) inserted.push(kept);
    });
    return { rows: answer(inserted, work), affected: inserted.length };
  };
}

/** The row that `on conflict do update` made; null when nothing was to be done. */
function resolving(
  onConflict: OnConflictNode | undefined,
): (table: Table, entry: Entry, excluded: Row, work: Work) => Row | null {
  if (onConflict?.doNothing) return () => null;
  const change = changing(onConflict?.updates ?? []);
  return (table, entry, excluded, work) => {
    if (!onConflict) throw table.repeated();
    work.session.take(table, entry);
    const scope = { name: table.name, row: entry.pending!, outer: null, entry, excluded };
    return change(table, entry, scope, work);
  };
}

type RowsOf = (work: Work) => Row[];

function rowsToInsert(node: InsertQueryNode): RowsOf {
  const columns = (node.columns ?? []).map(({ column }) => column.name);
  const values = node.values!;
  if (values.kind === "SelectQueryNode") {
    const found = select(values as SelectQueryNode);
    return (work) => found(null, work).map((row) => named(columns, Object.values(row)));
  }
  if (values.kind === "RawNode") {
    const found = evaluator(values);
    return (work) => (found(null, work, noRows) as unknown[][]).map((row) => named(columns, row));
  }
  const rows = (values as ValuesNode).values.map(cells);
  if (rows.length === 0) throw new NotModelled("an insert of no rows, which is no SQL");
  return (work) =>
    rows.map((row) =>
      named(
        columns,
        row.map((cell) => cell?.(null, work, noRows)),
      ),
    );
}

/** The values of one row, undefined where the column's default is meant. */
function cells(row: PrimitiveValueListNode | ValueListNode): (Evaluate | undefined)[] {
  if (row.kind === "PrimitiveValueListNode") return row.values.map(value);
  return row.values.map((one) => (one.kind === "DefaultInsertValueNode" ? undefined : evaluator(one)));
}

function named(columns: readonly string[], values: readonly unknown[]): Row {
  const row: Record<string, unknown> = {};
  for (let at = 0; at < columns.length; at++) if (values[at] !== undefined) row[columns[at]!] = values[at];
  return row;
}

/** What a statement answers of the rows that it changed; null without `returning`. */
function returned(node: ReturningNode | undefined, name: string): (rows: Row[], work: Work) => Row[] | null {
  if (!node) return () => null;
  const answer = projection(node.selections);
  return (rows, work) => rows.map((row) => answer({ name, row, outer: null, entry: null }, work, noRows));
}

/** Statements that are written as text from end to end. */
function raw(node: RawNode): Plan {
  const parameters = node.parameters.map(evaluator);
  const { text } = fragmentOf(node.sqlFragments);
  const act = rawOf(text);
  return (work) =>
    act(
      parameters.map((parameter) => parameter(null, work, noRows)),
      work,
    );
}

function rawOf(text: string): (values: unknown[], work: Work) => Result {
  if (text === "select pg_advisory_xact_lock(hashtextextended($, 1))")
    return ([name], { session }) => {
      session.lock(name as string);
      return { rows: [{}], affected: 1 };
    };
  if (text.startsWith("update audit set sequence = l.sequence")) return chainAudit;
  throw new NotModelled(`the simulation does not know this statement: ${text}`);
}

type Link = { id: number; sequence: number; previous: string; hash: string };

/** `update audit … from jsonb_to_recordset($) … where audit.tenant_id = $ and audit.id = l.id and audit.sequence is null` */
function chainAudit([links, tenantId]: unknown[], work: Work): Result {
  const byId = new Map((JSON.parse(links as string) as Link[]).map((link) => [link.id, link]));
  const table = tableOf(work, "audit");
  const { session } = work;
  const found = table.entries.filter((entry) => isUnchained(session, entry, tenantId, byId));
  for (const entry of found) session.take(table, entry);
  for (const entry of found) {
    const { sequence, previous, hash } = byId.get(entry.pending!["id"] as number)!;
    table.update(entry, { ...entry.pending, sequence, previous_hash: previous, hash });
  }
  return { rows: null, affected: found.length };
}

function isUnchained(
  session: Session,
  entry: Entry,
  tenantId: unknown,
  byId: ReadonlyMap<number, Link>,
): boolean {
  const row = session.sees(entry);
  return row?.["tenant_id"] === tenantId && row!["sequence"] === null && byId.has(row!["id"] as number);
}
