import { NotModelled } from "../world/faults.ts";
import type {
  AggregateFunctionNode,
  AliasNode,
  AndNode,
  BinaryOperationNode,
  ColumnNode,
  OperationNode,
  OperatorNode,
  OrNode,
  ParensNode,
  PrimitiveValueListNode,
  RawNode,
  ReferenceNode,
  SelectQueryNode,
  UnaryOperationNode,
  ValueListNode,
  ValueNode,
} from "kysely";
import { Hole } from "./build.ts";
import { fragmentOf } from "./fragments.ts";
import { PostgresError, type Row, type Session } from "./rows.ts";
import { lookUp, type Scope } from "./scope.ts";
import type { Table } from "./tables.ts";

/** One statement at work. */
export type Running = {
  readonly session: Session;
  readonly tables: ReadonlyMap<string, Table>;
  /** Results of its `with` clauses. */
  readonly named: Map<string, Row[]> | null;
  /** What stands in its holes. */
  readonly parameters: readonly unknown[];
  readonly now: () => Date;
  readonly nextToken: () => number;
};

/** The value of an expression beside a row; `rows` is what a sum is over. SQL's null, here too, is neither true nor false. */
export type Evaluate = (scope: Scope | null, running: Running, rows: readonly Row[]) => unknown;

/** The rows of a `select`, those of statements around it in `outer`. */
export type Select = (outer: Scope | null, running: Running) => Row[];
/** Reads a statement inside of an expression. */
export type ReadSelect = (node: SelectQueryNode) => Select;

const noRows: readonly Row[] = [];
const noValues: readonly unknown[] = [];

/** Reads an expression once; what comes of it finds its value as often as it is asked. */
export function evaluator(node: OperationNode, select: ReadSelect): Evaluate {
  const inner = (part: OperationNode) => evaluator(part, select);
  switch (node.kind) {
    case "ReferenceNode": {
      const { table, column } = node as ReferenceNode;
      const [tableName, columnName] = [
        table?.table.identifier.name ?? null,
        (column as ColumnNode).column.name,
      ];
      return (scope) => lookUp(scope, tableName, columnName);
    }
    case "ValueNode":
      return value((node as ValueNode).value);
    case "BinaryOperationNode":
      return operation(node as BinaryOperationNode, inner);
    case "AndNode":
      return junction(false, inner((node as AndNode).left), inner((node as AndNode).right));
    case "OrNode":
      return junction(true, inner((node as OrNode).left), inner((node as OrNode).right));
    case "ParensNode":
      return inner((node as ParensNode).node);
    case "AliasNode":
      return inner((node as AliasNode).node);
    case "RawNode":
      return raw(node as RawNode, inner);
    case "PrimitiveValueListNode":
      return list((node as PrimitiveValueListNode).values.map(value));
    case "ValueListNode":
      return list((node as ValueListNode).values.map(inner));
    case "SelectQueryNode":
      return scalar(select(node as SelectQueryNode));
    case "UnaryOperationNode":
      return lonely(node as UnaryOperationNode, inner, select);
    case "AggregateFunctionNode":
      return sum(node as AggregateFunctionNode, inner);
    default:
      throw new NotModelled(`the simulation does not know ${node.kind}`);
  }
}

/** Reads a part of an expression. */
type Inner = (part: OperationNode) => Evaluate;

/** A value, or what stands in a hole. */
export function value(given: unknown): Evaluate {
  if (!(given instanceof Hole)) return () => given;
  const { at } = given;
  return (_scope, { parameters }) => parameters[at];
}

/** Whether an expression is about all rows together. */
export function isSum(node: OperationNode): boolean {
  if (node.kind === "AliasNode") return isSum((node as AliasNode).node);
  return (
    node.kind === "AggregateFunctionNode" ||
    (node.kind === "RawNode" && fragmentOf((node as RawNode).sqlFragments).isSum)
  );
}

function list(all: readonly Evaluate[]): Evaluate {
  return (scope, running, rows) => all.map((one) => one(scope, running, rows));
}

function raw({ parameters, sqlFragments }: RawNode, inner: Inner): Evaluate {
  const { meaning } = fragmentOf(sqlFragments);
  const all = list(parameters.map(inner));
  const values: Evaluate = parameters.length === 0 ? () => noValues : all;
  return (scope, running, rows) =>
    meaning(values(scope, running, noRows) as readonly unknown[], {
      scope,
      rows,
      now: running.now,
      nextToken: running.nextToken,
    });
}

function scalar(found: Select): Evaluate {
  return (scope, running) => {
    const rows = found(scope, running);
    if (rows.length > 1)
      throw new PostgresError("21000", "more than one row returned by a subquery used as an expression");
    return rows.length === 0 ? null : Object.values(rows[0]!)[0];
  };
}

function lonely({ operator, operand }: UnaryOperationNode, inner: Inner, select: ReadSelect): Evaluate {
  const name = (operator as OperatorNode).operator;
  if (name === "not") {
    const negated = inner(operand);
    return (scope, running) => {
      const truth = negated(scope, running, noRows);
      return truth === null ? null : truth !== true;
    };
  }
  if (operand.kind !== "SelectQueryNode" || (name !== "exists" && name !== "not exists"))
    throw new NotModelled(`the simulation does not know ${name} of ${operand.kind}`);
  const found = select(operand as SelectQueryNode);
  return (scope, running) => found(scope, running).length > 0 === (name === "exists");
}

function sum({ func, aggregated }: AggregateFunctionNode, inner: Inner): Evaluate {
  if (func === "count") return (_scope, _running, rows) => rows.length;
  if (func !== "min" && func !== "max") throw new NotModelled(`the simulation does not know ${func}()`);
  const each = inner(aggregated[0]!);
  const isBetter = (one: number, best: number) => (func === "min" ? one < best : one > best);
  return (scope, running, rows) => {
    let best: number | null = null;
    for (const row of rows) {
      const one = each({ name: "", row, outer: scope, entry: null }, running, noRows) as number | null;
      if (one !== null && (best === null || isBetter(one, best))) best = one;
    }
    return best;
  };
}

/** `and` is decided by the first false, `or` by the first true; else null beside anything is null. */
function junction(decisive: boolean, left: Evaluate, right: Evaluate): Evaluate {
  return (scope, running) => {
    const one = left(scope, running, noRows);
    if (one === decisive) return decisive;
    const other = right(scope, running, noRows);
    if (other === decisive) return decisive;
    return one === null || other === null ? null : !decisive;
  };
}

/** Moments as numbers: the language's own comparison of them took 4 % of all CPU time. */
const ordered = (one: unknown) => (one instanceof Date ? one.getTime() : (one as number));

type Compare = (left: unknown, right: unknown) => boolean;

/** Null beside anything is null. */
const comparisons: Readonly<Record<string, Compare>> = {
  "=": same,
  "<>": (left, right) => !same(left, right),
  "!=": (left, right) => !same(left, right),
  "<": (left, right) => ordered(left) < ordered(right),
  "<=": (left, right) => ordered(left) <= ordered(right),
  ">": (left, right) => ordered(left) > ordered(right),
  ">=": (left, right) => ordered(left) >= ordered(right),
  in: (left, right) => listed(right).includes(left),
  "not in": (left, right) => !listed(right).includes(left),
};

function listed(values: unknown): unknown[] {
  if ((values as unknown[]).length > 0) return values as unknown[];
  throw new PostgresError("42601", 'syntax error at or near ")"');
}

function operation(node: BinaryOperationNode, inner: Inner): Evaluate {
  const { operator } = node.operator as OperatorNode;
  const [left, right] = [inner(node.leftOperand), inner(node.rightOperand)];
  if (operator === "is")
    return (scope, running) => same(left(scope, running, noRows), right(scope, running, noRows));
  if (operator === "is not")
    return (scope, running) => !same(left(scope, running, noRows), right(scope, running, noRows));
  const compare = comparisons[operator];
  if (!compare) throw new NotModelled(`the simulation does not know the operator ${operator}`);
  return (scope, running) => {
    const [one, other] = [left(scope, running, noRows), right(scope, running, noRows)];
    return one === null || other === null ? null : compare(one, other);
  };
}

function same(left: unknown, right: unknown): boolean {
  return (
    left === right || (left instanceof Date && right instanceof Date && left.getTime() === right.getTime())
  );
}
