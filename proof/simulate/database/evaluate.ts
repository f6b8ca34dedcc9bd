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
import { fragmentOf } from "./fragments.ts";
import type { Row } from "./rows.ts";
import { lookUp, type Scope } from "./scope.ts";

/** One statement at work. */
export type Running = {
  now: () => Date;
  nextToken: () => number;
  /** Rows of a statement inside this one. */
  select(node: SelectQueryNode, outer: Scope | null): Row[];
};

const noRows: readonly Row[] = [];
const noValues: readonly unknown[] = [];

/** The value of an expression beside a row; `rows` is what a sum is over. SQL's null, here too, is neither true nor false. */
export function evaluate(
  node: OperationNode,
  scope: Scope | null,
  running: Running,
  rows: readonly Row[] = noRows,
): unknown {
  switch (node.kind) {
    case "ReferenceNode": {
      const { table, column } = node as ReferenceNode;
      return lookUp(scope, table?.table.identifier.name ?? null, (column as ColumnNode).column.name);
    }
    case "ValueNode":
      return (node as ValueNode).value;
    case "BinaryOperationNode":
      return operate(node as BinaryOperationNode, scope, running);
    case "AndNode": {
      const left = evaluate((node as AndNode).left, scope, running);
      return left === false ? false : and(left, evaluate((node as AndNode).right, scope, running));
    }
    case "OrNode": {
      const left = evaluate((node as OrNode).left, scope, running);
      return left === true ? true : or(left, evaluate((node as OrNode).right, scope, running));
    }
    case "ParensNode":
      return evaluate((node as ParensNode).node, scope, running, rows);
    case "AliasNode":
      return evaluate((node as AliasNode).node, scope, running, rows);
    case "RawNode":
      return evaluateRaw(node as RawNode, scope, running, rows);
    case "PrimitiveValueListNode":
      return (node as PrimitiveValueListNode).values;
    case "ValueListNode":
      return (node as ValueListNode).values.map((value) => evaluate(value, scope, running));
    case "SelectQueryNode":
      return scalar(running.select(node as SelectQueryNode, scope));
    case "UnaryOperationNode":
      return operateAlone(node as UnaryOperationNode, scope, running);
    case "AggregateFunctionNode":
      return sumUp(node as AggregateFunctionNode, scope, running, rows);
    default:
      throw new NotModelled(`the simulation does not know ${node.kind}`);
  }
}

/** Whether an expression is about all rows together. */
export function isSum(node: OperationNode): boolean {
  if (node.kind === "AliasNode") return isSum((node as AliasNode).node);
  return (
    node.kind === "AggregateFunctionNode" ||
    (node.kind === "RawNode" && fragmentOf((node as RawNode).sqlFragments).isSum)
  );
}

function evaluateRaw(node: RawNode, scope: Scope | null, running: Running, rows: readonly Row[]): unknown {
  const { parameters } = node;
  const values = parameters.length === 0 ? noValues : parameters.map((one) => evaluate(one, scope, running));
  return fragmentOf(node.sqlFragments).meaning(values, {
    scope,
    rows,
    now: running.now,
    nextToken: running.nextToken,
  });
}

function scalar(rows: Row[]): unknown {
  if (rows.length > 1) throw new Error("more than one row returned by a subquery used as an expression");
  return rows.length === 0 ? null : Object.values(rows[0]!)[0];
}

function operateAlone(
  { operator, operand }: UnaryOperationNode,
  scope: Scope | null,
  running: Running,
): unknown {
  const name = (operator as OperatorNode).operator;
  if (name === "not") {
    const value = evaluate(operand, scope, running);
    return value === null ? null : value !== true;
  }
  if (operand.kind !== "SelectQueryNode" || (name !== "exists" && name !== "not exists"))
    throw new NotModelled(`the simulation does not know ${name} of ${operand.kind}`);
  const found = running.select(operand as SelectQueryNode, scope).length > 0;
  return name === "exists" ? found : !found;
}

function sumUp(
  { func, aggregated }: AggregateFunctionNode,
  scope: Scope | null,
  running: Running,
  rows: readonly Row[],
): unknown {
  if (func === "count") return rows.length;
  const values = rows
    .map((row) => evaluate(aggregated[0]!, { name: "", row, outer: scope, entry: null }, running))
    .filter((value) => value !== null) as number[];
  if (func !== "min" && func !== "max") throw new NotModelled(`the simulation does not know ${func}()`);
  return values.reduce<number | null>(
    (best, value) => (best === null || (func === "min" ? value < best : value > best) ? value : best),
    null,
  );
}

function and(left: unknown, right: unknown): unknown {
  if (left === false || right === false) return false;
  return left === null || right === null ? null : true;
}

function or(left: unknown, right: unknown): unknown {
  if (left === true || right === true) return true;
  return left === null || right === null ? null : false;
}

function operate(node: BinaryOperationNode, scope: Scope | null, running: Running): unknown {
  const { operator } = node.operator as OperatorNode;
  const left = evaluate(node.leftOperand, scope, running);
  const right = evaluate(node.rightOperand, scope, running);
  if (operator === "is") return same(left, right);
  if (operator === "is not") return !same(left, right);
  if (left === null || right === null) return null;
  switch (operator) {
    case "=":
      return same(left, right);
    case "<>":
    case "!=":
      return !same(left, right);
    case "<":
      return (left as number) < (right as number);
    case "<=":
      return (left as number) <= (right as number);
    case ">":
      return (left as number) > (right as number);
    case ">=":
      return (left as number) >= (right as number);
    case "in":
      return (right as unknown[]).includes(left);
    case "not in":
      return !(right as unknown[]).includes(left);
    default:
      throw new NotModelled(`the simulation does not know the operator ${operator}`);
  }
}

function same(left: unknown, right: unknown): boolean {
  return (
    left === right || (left instanceof Date && right instanceof Date && left.getTime() === right.getTime())
  );
}
