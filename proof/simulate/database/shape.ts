import {
  type AliasNode,
  ExpressionWrapper,
  type IdentifierNode,
  type OperationNode,
  type OperatorNode,
  type RawNode,
  type ReferenceNode,
  type UnaryOperationNode,
  type ValueNode,
} from "kysely";
import { NotModelled } from "../world/faults.ts";

/** Shapes, and words on the way to them, that there may be: one that is new each time would fill all memory. */
const mostShapes = 100_000;
let shapes = 0;
const nothing = Symbol("no word yet");

/**
 * What a statement is but for its values: the path of words that told it so far. Statements that were told alike are of one
 * shape, so that kysely has to build it, and the simulated database to read it, only once.
 */
export class Shape {
  /** Values that it takes. */
  readonly holes: number;
  /** Nearly all shapes go on in one way only: it is found without a search. */
  #word: unknown = nothing;
  #next: Shape | null = null;
  #others: Map<unknown, Shape> | null = null;

  constructor(holes = 0) {
    this.holes = holes;
  }

  /** The shape after one more word, which brings so many values. */
  after(word: unknown, values = 0): Shape {
    if (this.#word === word) return this.#next!;
    return this.#others?.get(word) ?? this.#add(word, values);
  }

  #add(word: unknown, values: number): Shape {
    if (++shapes > mostShapes)
      throw new NotModelled("a statement is told in new words each time: nothing of it can be known again");
    const next = new Shape(this.holes + values);
    if (this.#next !== null) (this.#others ??= new Map()).set(word, next);
    else [this.#word, this.#next] = [word, next];
    return next;
  }
}

/** A statement, or a part of one, with its values: at least those of its shape. */
export type Told = { readonly shape: Shape; readonly parameters: readonly unknown[] };

/** How an argument is taken: as words, as a value to compare with, as the new value of a column, as a row of these, as conditions. */
export type Taken = "words" | "compared" | "given" | "row" | "conditions";

/** Words that no statement has: they tell what follows. */
const [aValue, aList, aRow, theEnd] = [Symbol("value"), Symbol("list"), Symbol("row"), Symbol("end")];
const [anAlias, aReference, aPieceOfSql] = [Symbol("alias"), Symbol("reference"), Symbol("sql")];

/** Tells one argument of a call; its values are added to `values`. */
export function tell(shape: Shape, told: unknown, taken: Taken, values: unknown[]): Shape {
  if (typeof told === "object" && told !== null) {
    if (Array.isArray(told)) {
      if (isList(taken)) return tellList(shape, told, taken, values);
      if (told.some(isPart))
        throw new NotModelled("the simulation knows no list of values with expressions in it");
    } else if (isTold(told)) return tellPart(shape, told, values);
    else if (isExpression(told)) return tellExpression(shape, told, values);
    if (isRow(taken)) return tellRow(shape, told, taken, values);
  } else if (isWord(told, taken)) return shape.after(told);
  values.push(told);
  return shape.after(aValue, 1);
}

export const isTold = (told: object): told is Told => (told as Partial<Told>).shape instanceof Shape;
const isExpression = (told: object): told is Expression =>
  (told as Partial<Expression>).toOperationNode !== undefined;
const isPart = (one: unknown) =>
  typeof one === "object" && one !== null && (isTold(one) || isExpression(one));
export const isList = (taken: Taken) => taken === "words" || taken === "row" || taken === "conditions";
export const isRow = (taken: Taken) => taken === "row" || taken === "conditions";
/** What the values of a row's columns are. */
export const takenInRow = (taken: Taken): Taken => (taken === "row" ? "given" : "compared");

/** Kysely writes `is null` and `is true` for what is compared with these. */
export const isWord = (told: unknown, taken: Taken) =>
  taken === "words" || (taken === "compared" && (told === null || typeof told === "boolean"));

function tellList(shape: Shape, list: readonly unknown[], taken: Taken, values: unknown[]): Shape {
  let at = shape.after(aList);
  for (const one of list) at = tell(at, one, taken, values);
  return at.after(theEnd);
}

function tellRow(shape: Shape, row: object, taken: Taken, values: unknown[]): Shape {
  let at = shape.after(aRow);
  for (const column in row) {
    const value = (row as Record<string, unknown>)[column];
    if (value !== undefined) at = tell(at.after(column), value, takenInRow(taken), values);
  }
  return at.after(theEnd);
}

function tellPart(shape: Shape, { shape: part, parameters: own }: Told, values: unknown[]): Shape {
  for (let at = 0; at < part.holes; at++) values.push(own[at]);
  return shape.after(part, part.holes);
}

/** An expression of kysely's own: SQL, bare or with a name, a condition, or what a module built once and for all. */
export type Expression = { toOperationNode(): OperationNode; isRawBuilder?: true; rawBuilder?: object };

export const isBuiltAnew = (told: Expression) =>
  told.isRawBuilder === true || told.rawBuilder !== undefined || told instanceof ExpressionWrapper;

function tellExpression(shape: Shape, told: Expression, values: unknown[]): Shape {
  return isBuiltAnew(told) ? tellNode(shape, told.toOperationNode(), values) : shape.after(told);
}

function tellNode(shape: Shape, node: OperationNode | PartNode, values: unknown[]): Shape {
  switch (node.kind) {
    case "RawNode": {
      const { sqlFragments, parameters } = node as RawNode;
      let at = isTemplate(sqlFragments)
        ? shape.after(sqlFragments)
        : shape.after(aPieceOfSql).after(JSON.stringify(sqlFragments));
      for (const parameter of parameters) at = tellNode(at, parameter, values);
      return at;
    }
    case "ValueNode":
      return tell(shape, (node as ValueNode).value, "given", values);
    case "AliasNode": {
      const { alias, node: named } = node as AliasNode;
      return tellNode(shape.after(anAlias).after((alias as IdentifierNode).name), named, values);
    }
    case "UnaryOperationNode": {
      const { operator, operand } = node as UnaryOperationNode;
      return tellNode(shape.after((operator as OperatorNode).operator), operand, values);
    }
    case "ReferenceNode":
      return shape.after(aReference).after(JSON.stringify(node as ReferenceNode));
    case "PartNode":
      return tellPart(shape, (node as PartNode).part, values);
    default:
      throw new NotModelled(`the simulation does not know ${node.kind} within SQL`);
  }
}

/** A part of a statement within SQL. */
export type PartNode = { readonly kind: "PartNode"; readonly part: Told };

/** The parts of a template stand in one array for ever; kysely's own means make a new one each time. */
const isTemplate = (fragments: readonly string[]) => "raw" in fragments;
