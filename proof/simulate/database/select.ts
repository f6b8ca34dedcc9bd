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
import { evaluate, isSum, type Running } from "./evaluate.ts";
import type { Entry, Row, Session } from "./rows.ts";
import { lookUp, type Scope } from "./scope.ts";
import type { Table } from "./tables.ts";

/** Where the rows of a statement come from. */
export type Sources = {
  session: Session;
  tables: ReadonlyMap<string, Table>;
  /** Results of the statement's `with` clauses. */
  named: ReadonlyMap<string, Row[]>;
};

/** Name of a table in a statement, and what it is called there. */
export function nameOf(node: OperationNode): { table: string; alias: string } {
  if (node.kind === "AliasNode") {
    const { node: inner, alias } = node as AliasNode;
    return { table: nameOf(inner).table, alias: (alias as IdentifierNode).name };
  }
  const table = (node as TableNode).table.identifier.name;
  return { table, alias: table };
}

export function tableOf({ tables }: Pick<Sources, "tables">, name: string): Table {
  const table = tables.get(name);
  if (!table) throw new NotModelled(`the simulation has no table ${name}`);
  return table;
}

/** Rows of one `select`. */
export function select(
  node: SelectQueryNode,
  outer: Scope | null,
  sources: Sources,
  running: Running,
): Row[] {
  const selections = node.selections ?? [];
  if (!node.from) return [project(selections, outer, running, [])];
  let scopes = join(node, outer, sources, running);
  if (selections.some(({ selection }) => isSum(selection)))
    return [
      project(
        selections,
        outer,
        running,
        scopes.map(({ row }) => row),
      ),
    ];
  if (node.orderBy) scopes = order(node.orderBy, scopes, running);
  if (node.distinctOn) scopes = firstOfEach(node.distinctOn, scopes, running);
  if (node.offset) scopes = scopes.slice(numberOf(node.offset.offset)); // before any lock: nobody locks beyond an offset
  const limit = node.limit ? numberOf(node.limit.limit) : Infinity;
  if (node.endModifiers) scopes = lock(node, scopes, limit, sources);
  scopes = scopes.slice(0, limit);
  return scopes.map((scope) => project(selections, scope, running, []));
}

/** No key of a row ever changes here, so that both locks of whoever changes a row are one. */
const locks = new Set(["ForUpdate", "ForNoKeyUpdate", "ForShare", "SkipLocked"]);

/** The rows that a `select` locks, of the first table that it names; those that are held are waited for, or passed over. */
function lock(node: SelectQueryNode, found: Scope[], limit: number, sources: Sources): Scope[] {
  const { session } = sources;
  const modifiers = node.endModifiers!.map(({ modifier }) => modifier!);
  const isKnown = node.endModifiers!.every(({ modifier, of }) => !of && modifier && locks.has(modifier));
  if (!isKnown || node.joins) throw new NotModelled("the simulation does not know this lock");
  const table = tableOf(sources, nameOf(node.from!.froms[0]!).table);
  const free = modifiers.includes("SkipLocked")
    ? found.filter(({ entry }) => session.mayTake(entry!))
    : found;
  const some = free.slice(0, limit);
  for (const { entry } of some)
    if (modifiers.includes("ForShare")) session.keep(entry!);
    else session.take(table, entry!);
  return some;
}

/** The rows of all tables of a `select` side by side, where its `where` holds. */
function join(node: SelectQueryNode, outer: Scope | null, sources: Sources, running: Running): Scope[] {
  const where = node.where?.where ?? null;
  const from = node.from!.froms[0]!;
  if (!node.joins) return read(from, where, outer, sources, running);
  let found = read(from, null, outer, sources, running);
  for (const { joinType, table, on } of node.joins as JoinNode[]) {
    if (joinType !== "InnerJoin") throw new NotModelled(`the simulation does not know ${joinType}`);
    found = found.flatMap((scope) => read(table, on!.on, scope, sources, running));
  }
  return where === null ? found : found.filter((scope) => evaluate(where, scope, running) === true);
}

/** The rows of one table where a condition holds. */
function read(
  from: OperationNode,
  condition: OperationNode | null,
  outer: Scope | null,
  sources: Sources,
  running: Running,
): Scope[] {
  const { table, alias: name } = nameOf(from);
  const found: Scope[] = [];
  let scope: Scope | null = null; // one serves all rows that do not fit
  const look = (row: Row, entry: Entry | null) => {
    scope ??= { name, row, outer, entry };
    scope.row = row;
    scope.entry = entry;
    if (condition !== null && evaluate(condition, scope, running) !== true) return;
    found.push(scope);
    scope = null;
  };
  const named = sources.named.get(table);
  if (named) for (const row of named) look(row, null);
  else
    for (const entry of tableOf(sources, table).entries) {
      const row = sources.session.sees(entry);
      if (row !== null) look(row, entry);
    }
  return found;
}

/** The columns of one row, by the names that the statement gives them. */
export function project(
  selections: readonly SelectionNode[],
  scope: Scope | null,
  running: Running,
  rows: readonly Row[],
): Row {
  const first = selections[0]!.selection;
  if (selections.length === 1 && isAll(first)) return rowOf(first, scope);
  const projected: Record<string, unknown> = {};
  for (const { selection } of selections) {
    if (isAll(selection)) Object.assign(projected, rowOf(selection, scope));
    else if (selection.kind === "AliasNode") {
      const { alias } = selection as AliasNode;
      projected[(alias as IdentifierNode).name] = evaluate(selection, scope, running, rows);
    } else {
      const { table, column } = selection as ReferenceNode;
      const { name } = (column as ColumnNode).column;
      projected[name] = lookUp(scope, table?.table.identifier.name ?? null, name);
    }
  }
  return projected;
}

function isAll(selection: OperationNode): boolean {
  return (
    selection.kind === "SelectAllNode" ||
    (selection.kind === "ReferenceNode" && (selection as ReferenceNode).column.kind === "SelectAllNode")
  );
}

function rowOf(selection: OperationNode, scope: Scope | null): Row {
  const name = (selection as ReferenceNode).table?.table.identifier.name;
  for (let at = scope; at !== null; at = at.outer) if (name === undefined || at.name === name) return at.row;
  throw new Error(`no table ${name} here`);
}

/** Of those that are alike in what is named, the first. */
function firstOfEach(named: readonly OperationNode[], scopes: Scope[], running: Running): Scope[] {
  const first = new Map<string, Scope>();
  for (const found of scopes) {
    const likeness = JSON.stringify(named.map((one) => evaluate(one, found, running)));
    if (!first.has(likeness)) first.set(likeness, found);
  }
  return [...first.values()];
}

function order({ items }: OrderByNode, scopes: Scope[], running: Running): Scope[] {
  if (scopes.length < 2) return scopes;
  const keys = new Map(
    scopes.map((scope) => [scope, items.map(({ orderBy }) => evaluate(orderBy, scope, running))]),
  );
  const downwards = items.map(
    ({ direction }) => (direction as RawNode | undefined)?.sqlFragments[0] === "desc",
  );
  return scopes.toSorted((one, other) => compareAll(keys.get(one)!, keys.get(other)!, downwards));
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
