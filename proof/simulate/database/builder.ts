import type { OperationNode, RawNode } from "kysely";
import { NotModelled } from "../world/faults.ts";
import type { Row } from "./rows.ts";
import { Shape, type Taken, tell, type Told } from "./shape.ts";

/** What a statement came to: the rows that it answers, null of one that answers none; and how many it was about. */
export type Result = { rows: Row[] | null; affected: number };
export type Run = (statement: Builder) => Promise<Result>;

/** Where a chain of calls begins: at a database, at an expression, or at what kysely hands to a callback. */
export type Root = "queries" | "expressions" | "given";
const roots: Record<Root, Shape> = {
  queries: new Shape(),
  expressions: new Shape(),
  given: new Shape(),
};

/**
 * Stands in for kysely's builders. It keeps what it is told, and knows a shape again that was told before: less than half of
 * the cost of building it anew. What kysely builds of it is told by `build.ts`.
 */
export class Builder implements Told {
  readonly shape: Shape;
  readonly parameters: readonly unknown[];
  readonly root: Root;
  readonly run: Run | null;
  /** The tenant whose transaction it begins; null of all others. */
  readonly insideTenant: string | null;
  /** The call that told it, callbacks among its arguments replaced by what they answered; null where a chain begins. */
  readonly on: Builder | null;
  readonly method: Method | null;
  readonly told: readonly unknown[];

  constructor(
    begin: Pick<Builder, "root" | "run" | "insideTenant">,
    shape: Shape,
    parameters: readonly unknown[],
    on: Builder | null = null,
    method: Method | null = null,
    told: readonly unknown[] = [],
  ) {
    this.root = begin.root;
    this.run = begin.run;
    this.insideTenant = begin.insideTenant;
    this.shape = shape;
    this.parameters = parameters;
    this.on = on;
    this.method = method;
    this.told = told;
  }

  toOperationNode(): OperationNode {
    return { kind: "PartNode", part: this } as unknown as OperationNode;
  }

  /** By this kysely knows an expression. */
  get expressionType(): undefined {
    return undefined;
  }

  $if(condition: boolean, then: (self: this) => unknown): unknown {
    return condition ? then(this) : this;
  }

  /** Every statement goes this way. */
  answer(): Promise<Result> {
    return this.run!(this);
  }

  execute(): Promise<unknown[]> {
    return this.answer().then(answersOf);
  }

  executeTakeFirst(): Promise<unknown> {
    return this.answer().then((result) => answersOf(result)[0]);
  }

  async executeTakeFirstOrThrow(): Promise<unknown> {
    const first = await this.executeTakeFirst();
    if (first === undefined) throw new Error("no result");
    return first;
  }

  /** For statements that are written as SQL from end to end. */
  getExecutor() {
    const asIs = (node: RawNode) => node;
    return {
      transformQuery: asIs,
      compileQuery: asIs,
      executeQuery: async (node: RawNode) => {
        const written = { isRawBuilder: true, toOperationNode: () => node };
        const { rows, affected } = await tellCall(this, raw, [written]).answer();
        return { rows: rows ?? [], numAffectedRows: BigInt(affected) };
      },
    };
  }
}

/** As kysely answers: the rows, or of a statement that answers none, how many it was about. */
function answersOf({ rows, affected }: Result): unknown[] {
  if (rows !== null) return rows;
  const count = BigInt(affected);
  return [{ numInsertedOrUpdatedRows: count, numUpdatedRows: count, numDeletedRows: count }];
}

/** A builder to begin with. */
export function beginAt(root: Root, run: Run | null = null, insideTenant: string | null = null): Builder {
  return new Builder({ root, run, insideTenant }, roots[root], []);
}

/** A method of kysely's builders. */
type Method = {
  readonly name: string;
  /** Stands for it in a shape. */
  readonly word: symbol;
  /** How its arguments are taken, as words where nothing stands. */
  readonly taken: readonly Taken[];
  /** With what kysely asks a callback. */
  readonly begin: Root;
};

const methodOf = (name: string, taken: readonly Taken[] = [], begin: Root = "expressions"): Method => ({
  name,
  word: Symbol(name),
  taken,
  begin,
});
const compared: readonly Taken[] = ["words", "words", "compared"];

/** All that the simulation knows. */
const methods = [
  ...[
    ..."selectFrom insertInto updateTable deleteFrom select selectAll distinctOn onRef whereRef as raw".split(
      " ",
    ),
    ..."orderBy limit offset forUpdate forShare forNoKeyUpdate skipLocked returning returningAll columns".split(
      " ",
    ),
    ..."expression doNothing exists not ref lit fn.min fn.max fn.countAll".split(" "),
  ].map((name) => methodOf(name)),
  methodOf("with", [], "queries"),
  methodOf("onConflict", [], "given"),
  methodOf("innerJoin", [], "given"),
  methodOf("where", compared),
  methodOf("compare", compared),
  ...["values", "set", "doUpdateSet"].map((name) => methodOf(name, ["row"])),
  ...["and", "or"].map((name) => methodOf(name, ["conditions"])),
  methodOf("val", ["given"]),
];
const byName = new Map(methods.map((method) => [method.name, method]));
const raw = byName.get("raw")!;

for (const method of methods)
  Object.defineProperty(Builder.prototype, method.name, {
    value(this: Builder, ...told: unknown[]) {
      return tellCall(this, method, told);
    },
  });

function tellCall(on: Builder, method: Method, told: unknown[]): Builder {
  // Callbacks first: they may go on from the very builder whose parameters are shared.
  for (let at = 0; at < told.length; at++)
    if (typeof told[at] === "function") told[at] = answerOf(method, told[at] as Callback);
  const { holes } = on.shape;
  const isShared = on.on !== null && on.parameters.length === holes;
  const parameters = (isShared ? on.parameters : on.parameters.slice(0, holes)) as unknown[];
  let shape = on.shape.after(method.word);
  for (let at = 0; at < told.length; at++)
    shape = tell(shape, told[at], method.taken[at] ?? "words", parameters);
  return new Builder(on, shape, parameters, on, method, told);
}

type Callback = (begin: unknown) => unknown;

/** A callback is asked at once, with what kysely would hand to it. */
function answerOf({ begin }: Method, callback: Callback): unknown {
  return callback(begin === "expressions" ? expressions : beginAt(begin));
}

/** What is asked of everything, to learn what it is: by whoever awaits, and by kysely of what it is given. */
const passed = new Set(["then", "alias", "shape"]);
/** Whatever else is asked of a builder ends the simulation. */
const nothingElse = new Proxy(Object.prototype, {
  get(_all, name) {
    if (typeof name === "symbol" || passed.has(name)) return undefined;
    throw new NotModelled(`the simulation does not know kysely's ${name}`);
  },
});
Object.setPrototypeOf(Builder.prototype, nothingElse);

/** Kysely's expression builder is a function that has methods. */
const expressions = expressing("", ["and", "or", "not", "exists", "ref", "val", "lit", "selectFrom"], {
  fn: expressing("fn.", ["min", "max", "countAll"], {}),
});

function expressing(path: string, names: readonly string[], more: object): object {
  const begun = beginAt("expressions");
  const tellOf =
    (name: string) =>
    (...told: unknown[]) =>
      tellCall(begun, byName.get(name)!, told);
  const own = Object.fromEntries(names.map((name) => [name, tellOf(path + name)]));
  return Object.assign(Object.setPrototypeOf(tellOf("compare"), nothingElse) as object, own, more);
}
