import {
  type CompiledQuery,
  DefaultQueryExecutor,
  DummyDriver,
  Kysely,
  PostgresDialect,
  type QueryResult,
} from "kysely";
import type pg from "pg";
import type { Tables } from "./tables.ts";

/** Hands a statement to a connection at once, in the order of the calls. */
export type Send = (statement: { text: string; values: unknown[] }) => Promise<pg.QueryResult>;

const dialect = new PostgresDialect({ pool: () => Promise.reject(new Error("there is no pool")) });
const compiler = dialect.createQueryCompiler();
const adapter = dialect.createAdapter();
const driver = new DummyDriver();
const counted = new Set(["INSERT", "UPDATE", "DELETE", "MERGE"]);

/** Sends without a connection provider and its promises, so that statements leave in the order in which they are made. */
class SendingExecutor extends DefaultQueryExecutor {
  readonly #send: Send;

  constructor(send: Send) {
    super(compiler, adapter, {
      provideConnection: () => Promise.reject(new Error("there is no connection to hand out")),
    });
    this.#send = send;
  }

  override async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    const result = await this.#send({ text: sql, values: parameters as unknown[] });
    const { rowCount, command, rows } = result as pg.QueryResult & { rows: R[] };
    return counted.has(command) ? { rows, numAffectedRows: BigInt(rowCount ?? 0) } : { rows };
  }

  /** There are none. */
  override withoutPlugins(): this {
    return this;
  }
}

/** Kysely's builder over one way to send statements; cheap enough to be made for each transaction. */
export function kyselyOver(send: Send): Kysely<Tables> {
  return new Kysely<Tables>({ config: { dialect }, dialect, driver, executor: new SendingExecutor(send) });
}
