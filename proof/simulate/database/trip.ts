import { type Schedule, type Step, waiting } from "../world/schedule.ts";
import type { Builder, Result } from "./builder.ts";
import { describe } from "./kysely-nodes.ts";
import { type Session, statementTimeoutMs } from "./rows.ts";
import { carryOut, type Means } from "./statement.ts";
import type { Table } from "./tables.ts";

type Server = { schedule: Schedule; tables: Map<string, Table>; means: Means };

/** The statements of one round trip; their answers are told when all of it is over. */
export class Trip {
  readonly #server: Server;
  readonly #session: Session;
  readonly #statements: { statement: Builder; told: PromiseWithResolvers<Result> }[] = [];
  readonly #results: Result[] = [];
  #hasLeft = false;

  constructor(server: Server, session: Session) {
    this.#server = server;
    this.#session = session;
  }

  add(statement: Builder): Promise<Result> {
    if (this.#hasLeft) throw new Error("the statement was made after its transaction had left");
    const told = Promise.withResolvers<Result>();
    this.#statements.push({ statement, told });
    return told.promise;
  }

  /** From now on nothing is added; answers what the history prints. */
  leave(): () => string {
    this.#hasLeft = true;
    return () => [...this.#statements.map(({ statement }) => describe(statement)), "commit"].join(", ");
  }

  /** One statement after the other, and the commit; one that meets a lock is gone on with later. */
  carryOut(step: Step): typeof waiting | void {
    const session = this.#session;
    try {
      while (this.#results.length < this.#statements.length) {
        const { statement } = this.#statements[this.#results.length]!;
        const result = session.run(step, () => this.#carryOut(statement));
        if (result === waiting) return this.#wait();
        this.#results.push(result as Result);
      }
      session.commit();
    } catch (error) {
      session.rollback();
      throw error;
    }
  }

  answer(): void {
    this.#statements.forEach(({ told }, at) => told.resolve(this.#results[at]!));
  }

  fail(error: unknown): void {
    for (const { told } of this.#statements) {
      told.promise.catch(() => {}); // whoever made the statement may have left before its answer
      told.reject(error);
    }
  }

  #carryOut(statement: Builder): Result {
    const { tables, means } = this.#server;
    return carryOut(statement, { session: this.#session, tables }, means);
  }

  /** A statement that waited for too long ends the transaction, whether somebody still listens or not. */
  #wait(): typeof waiting {
    const session = this.#session;
    this.#server.schedule.after(statementTimeoutMs + 1, () => {
      if (session.state === "failed") session.rollback();
    });
    return waiting;
  }
}
