import { NotModelled } from "../world/faults.ts";
import type {
  AliasNode,
  ColumnNode,
  IdentifierNode,
  JoinNode,
  OperationNode,
  OrderByNode,
  RawNode,
  ReferenceNode,
  SelectionNode,
  SelectQueryNode,
  TableNode,
  ValueNode,
} from "kysely";
import { type Evaluate, evaluator as evaluatorOf, isSum, type Running, type Select } from "./evaluate.ts";
import type { Entry, Row } from "./rows.ts";
import type { Scope } from "./scope.ts";
import type { Table } from "./tables.ts";

/** Reads an expression of a statement. */
export const evaluator = (node: OperationNode): Evaluate => evaluatorOf(node, select);

/** Name of a table in a statement, and what it is called there. */
export function nameOf(node: OperationNode): { table: string; alias: string } {
  if (node.kind === "AliasNode") {
    const { node: inner, alias } = node as AliasNode;
    return { table: nameOf(inner).table, alias: (alias as IdentifierNode).name };
  }
  const table = (node as TableNode).table.identifier.name;
  return { table, alias: table };
}

export function tableOf({ tables }: Pick<Running, "tables">, name: string): Table {
  const table = tables.get(name);
  if (!table) throw new NotModelled(`the simulation has no table ${name}`);
  return table;
}

/** The rows of one or more tables side by side. */
type Find = (outer: Scope | null, running: Running) => Scope[];
type Change = (found: Scope[], running: Running) => Scope[];

/** Reads a `select` once; what comes of it finds its rows as often as it is asked. */
export function select(node: SelectQueryNode): Select {
  const row = projection(node.selections ?? []);
  if (!node.from) return (outer, running) => [row(outer, running, noRows)];
  const found = join(node);
  if ((node.selections ?? []).some(({ selection }) => isSum(selection)))
    return (outer, running) => {
      const rows = found(outer, running).map((scope) => scope.row);
      return [row(outer, running, rows)];
    };
  const changes = [...changesOf(node)];
  return (outer, running) => {
    let scopes = found(outer, running);
    for (const change of changes) scopes = change(scopes, running);
    return scopes.map((scope) => row(scope, running, noRows));
  };
}

const noRows: readonly Row[] = [];

/** What becomes of the rows that were found, in this order. */
function* changesOf(node: SelectQueryNode): Iterable<Change> {
  if (node.orderBy) yield order(node.orderBy);
  if (node.distinctOn) yield firstOfEach(node.distinctOn);
  if (node.offset) {
    const offset = numberOf(node.offset.offset); // before any lock: nobody locks beyond an offset
    yield (scopes) => scopes.slice(offset);
  }
  const limit = node.limit ? numberOf(node.limit.limit) : Infinity;
  if (node.endModifiers) yield lock(node, limit);
  if (node.limit) yield (scopes) => (scopes.length > limit ? scopes.slice(0, limit) : scopes);
}

/** No key of a row ever changes here, so that both locks of whoever changes a row are one. */
const locks = new Set(["ForUpdate", "ForNoKeyUpdate", "ForShare", "SkipLocked"]);

/** The rows that a `select` locks, of the first table that it names; those that are held are waited for, or passed over. */
function lock(node: SelectQueryNode, limit: number): Change {
  const modifiers = node.endModifiers!.map(({ modifier }) => modifier!);
  const isKnown = node.endModifiers!.every(({ modifier, of }) => !of && modifier && locks.has(modifier));
  if (!isKnown || node.joins) throw new NotModelled("the simulation does not know this lock");
  const { table } = nameOf(node.from!.froms[0]!);
  const [skips, shares] = [modifiers.includes("SkipLocked"), modifiers.includes("ForShare")];
  return (found, running) => {
    const { session } = running;
    const free = skips ? found.filter(({ entry }) => session.mayTake(entry!)) : found;
    const some = free.slice(0, limit);
    for (const { entry } of some)
      if (shares) session.keep(entry!);
      else session.take(tableOf(running, table), entry!);
    return some;
  };
}

/** The rows of all tables of a `select` side by side, where its `where` holds. */
function join(node: SelectQueryNode): Find {
  const from = node.from!.froms[0]!;
  const where = node.where ? evaluator(node.where.where) : null;
  if (!node.joins) return read(from, where);
  const first = read(from, null);
  const others = (node.joins as JoinNode[]).map(({ joinType, table, on }) => {
    if (joinType !== "InnerJoin") throw new NotModelled(`the simulation does not know ${joinType}`);
    return read(table, evaluator(on!.on));
  });
  return (outer, running) => {
    let found = first(outer, running);
    for (const other of others) found = found.flatMap((scope) => other(scope, running));
    return where === null ? found : found.filter((scope) => where(scope, running, noRows) === true);
  };
}

/** The rows of one table where a condition holds. */
function read(from: OperationNode, condition: Evaluate | null): Find {
  const { table, alias: name } = nameOf(from);
  return (outer, running) => {
    const found: Scope[] = [];
    const { session } = running;
    const named = running.named?.get(table);
    let scope: Scope | null = null; // one serves all rows that do not fit
    const look = (row: Row, entry: Entry | null) => {
      scope ??= { name, row, outer, entry };
      scope.row = row;
      scope.entry = entry;
      if (condition !== null && condition(scope, running, noRows) !== true) return;
      found.push(scope);
      scope = null;
    };
    if (named) for (const row of named) look(row, null);
    else
      for (const entry of tableOf(running, table).entries) {
        const row = session.sees(entry);
        if (row !== null) look(row, entry);
      }
    return found;
  };
}

/** The columns of one row, by the names that the statement gives them. */
export function projection(
  selections: readonly SelectionNode[],
): (scope: Scope | null, running: Running, rows: readonly Row[]) => Row {
  const all = selections.map(({ selection }) => column(selection));
  const [first] = all;
  if (all.length === 1 && first!.name === null)
    return (scope, running, rows) => first!.value(scope, running, rows) as Row;
  return (scope, running, rows) => {
    const projected: Record<string, unknown> = {};
    for (const { name, value } of all)
      if (name === null) Object.assign(projected, value(scope, running, rows));
      else projected[name] = value(scope, running, rows);
    return projected;
  };
}

/** A column with its name; without one it is all columns of a row. */
function column(selection: OperationNode): { name: string | null; value: Evaluate } {
  if (isAll(selection)) {
    const table = (selection as ReferenceNode).table?.table.identifier.name;
    return { name: null, value: (scope) => rowOf(table, scope) };
  }
  if (selection.kind === "AliasNode")
    return { name: ((selection as AliasNode).alias as IdentifierNode).name, value: evaluator(selection) };
  return {
    name: ((selection as ReferenceNode).column as ColumnNode).column.name,
    value: evaluator(selection),
  };
}

function isAll(selection: OperationNode): boolean {
  return (
    selection.kind === "SelectAllNode" ||
    (selection.kind === "ReferenceNode" && (selection as ReferenceNode).column.kind === "SelectAllNode")
  );
}

function rowOf(name: string | undefined, scope: Scope | null): Row {
  for (let at = scope; at !== null; at = at.outer) if (name === undefined || at.name === name) return at.row;
  throw new NotModelled(`no table ${name} here`);
}

/** Of those that are alike in what is named, the first. */
function firstOfEach(named: readonly OperationNode[]): Change {
  const all = named.map(evaluator);
  return (scopes, running) => {
    const first = new Map<string, Scope>();
    for (const found of scopes) {
      const likeness = JSON.stringify(all.map((one) => one(found, running, noRows)));
      if (!first.has(likeness)) first.set(likeness, found);
    }
    return [...first.values()];
  };
}

function order({ items }: OrderByNode): Change {
  const all = items.map(({ orderBy }) => evaluator(orderBy));
  const downwards = items.map(
    ({ direction }) => (direction as RawNode | undefined)?.sqlFragments[0] === "desc",
  );
  return (scopes, running) => {
    if (scopes.length < 2) return scopes;
    const keys = new Map(scopes.map((scope) => [scope, all.map((one) => one(scope, running, noRows))]));
    return scopes.toSorted((one, other) => compareAll(keys.get(one)!, keys.get(other)!, downwards));
  };
}

function compareAll(one: unknown[], other: unknown[], downwards: boolean[]): number {
  for (let at = 0; at < one.length; at++) {
    const difference = compare(one[at], other[at]);
    if (difference !== 0) return downwards[at] ? -difference : difference;
  }
  return 0;
}

/** Nulls count as the largest, as in PostgreSQL. */
function compare(one: unknown, other: unknown): number {
  if (one === null || other === null) return Number(one === null) - Number(other === null);
  return (one as number) < (other as number) ? -1 : (one as number) > (other as number) ? 1 : 0;
}

function numberOf(node: OperationNode): number {
  return (node as ValueNode).value as number;
}
