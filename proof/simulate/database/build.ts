import type { Tables } from "@strongroom/core/database/tables";
import {
  type AliasNode,
  expressionBuilder,
  type IdentifierNode,
  Kysely,
  type KyselyProps,
  type OperationNode,
  type OperatorNode,
  PostgresAdapter,
  type QueryExecutor,
  type RawNode,
  sql,
  type UnaryOperationNode,
  type ValueNode,
} from "kysely";
import type { Builder } from "./builder.ts";
import {
  type Expression,
  isList,
  isBuiltAnew,
  isRow,
  isTold,
  isWord,
  type PartNode,
  type Shape,
  type Taken,
  takenInRow,
} from "./shape.ts";

/** Stands for a value that comes with each run of a statement. */
export class Hole {
  readonly at: number;

  constructor(at: number) {
    this.at = at;
  }
}

const known = new WeakMap<Shape, OperationNode>();

/** What kysely builds of a statement, with a `Hole` for each of its values: once for all statements of one shape. */
export function nodeOf(statement: Builder): OperationNode {
  let node = known.get(statement.shape);
  if (node === undefined) {
    let holes = 0;
    node = build(statement, () => new Hole(holes++));
    known.set(statement.shape, node);
  }
  return node;
}

/** What kysely builds of a statement when it is told all of it anew, with what `place` makes of each value. */
export function build(builder: Builder, place: (value: unknown) => unknown): OperationNode {
  return (again(builder, place) as Expression).toOperationNode();
}

type Place = (value: unknown) => unknown;
type Methods = Record<string, (...told: unknown[]) => unknown>;

/** Kysely's own builders, which nothing is ever sent by. */
const queries = new Kysely<Tables>({
  config: {},
  driver: {},
  dialect: {},
  executor: {
    adapter: new PostgresAdapter(),
    plugins: [],
    transformQuery: (node: OperationNode) => node,
  } as unknown as QueryExecutor,
} as unknown as KyselyProps);

function again(builder: Builder, place: Place, given?: unknown): unknown {
  const { root, method, told } = builder;
  if (method === null)
    return root === "given" ? given : root === "queries" ? queries : expressionBuilder<Tables, never>();
  const { name } = method;
  const on = again(builder.on!, place, given);
  const anew = told.map((one, at) => argument(one, method.taken[at] ?? "words", place));
  if (name === "raw") return anew[0];
  if (name === "with") return (on as Methods)["with"]!(anew[0], () => anew[1]);
  if (name === "compare") return (on as Methods["compare"])!(...anew);
  const path = name.split(".");
  const own = path.slice(0, -1).reduce((at, part) => (at as Record<string, unknown>)[part], on);
  return (own as Methods)[path.at(-1)!]!(...anew);
}

/** In the order in which `tell` tells it, so that the values meet their holes. */
function argument(told: unknown, taken: Taken, place: Place): unknown {
  if (typeof told === "object" && told !== null) {
    if (isTold(told)) return part(told as Builder, place);
    if ("toOperationNode" in told)
      return isBuiltAnew(told as Expression)
        ? expression((told as Expression).toOperationNode(), place)
        : told;
    if (Array.isArray(told) && isList(taken)) return told.map((one) => argument(one, taken, place));
    if (isRow(taken)) return row(told, takenInRow(taken), place);
  } else if (isWord(told, taken)) return told;
  return place(told);
}

const part = (told: Builder, place: Place): unknown =>
  told.root === "given" ? (given: unknown) => again(told, place, given) : again(told, place);

function row(told: object, taken: Taken, place: Place): object {
  const columns = Object.entries(told).filter(([, value]) => value !== undefined);
  return Object.fromEntries(columns.map(([column, value]) => [column, argument(value, taken, place)]));
}

function expression(node: OperationNode | PartNode, place: Place): unknown {
  switch (node.kind) {
    case "RawNode": {
      const { sqlFragments, parameters } = node as RawNode;
      const anew = parameters.map((parameter) => expression(parameter, place));
      return sql(sqlFragments as unknown as TemplateStringsArray, ...anew);
    }
    case "ValueNode":
      return place((node as ValueNode).value);
    case "AliasNode": {
      const { alias, node: named } = node as AliasNode;
      return (expression(named, place) as ReturnType<typeof sql>).as((alias as IdentifierNode).name);
    }
    case "UnaryOperationNode": {
      const { operator, operand } = node as UnaryOperationNode;
      return expressionBuilder().unary(
        (operator as OperatorNode).operator as "not",
        expression(operand, place) as never,
      );
    }
    case "PartNode":
      return part((node as PartNode).part as Builder, place);
    default:
      return { toOperationNode: () => node };
  }
}
