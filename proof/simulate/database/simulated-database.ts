import type { Tables } from "@strongroom/core/database/tables";
import type { Database, Lock, Transaction } from "@strongroom/core/ports/database";
import type { Kysely } from "kysely";
import type { Process } from "../world/process.ts";
import { type Schedule, type Step, waiting } from "../world/schedule.ts";
import type { Builder, Result } from "./builder.ts";
import { describe, kyselyOver, transactionOver } from "./kysely-nodes.ts";
import { type Entry, type Row, Session } from "./rows.ts";
import { carryOut } from "./statement.ts";
import { emptyTables, type Table } from "./tables.ts";
import { Trip } from "./trip.ts";

/** Rows of all tenants in memory, with the locks of PostgreSQL and its READ COMMITTED. */
export class SimulatedPostgres {
  readonly tables = emptyTables();
  readonly locks = new Map<string, Session>();
  readonly schedule: Schedule;
  /** Sequences draw outside of all transactions: what is drawn first may be committed last. */
  token = 0;
  #id = 0;
  readonly #named = new Map<string, AbortController>();
  readonly #hopeful: Step[] = [];
  /** Told of every row that a commit changed. */
  onCommit: (table: Table, entry: Entry, session: Session) => void = () => {};

  constructor(schedule: Schedule) {
    this.schedule = schedule;
  }

  rows(table: string): Row[] {
    return this.tables
      .get(table)!
      .entries.flatMap(({ committed }) => (committed === null ? [] : [committed]));
  }

  open(): Session {
    return new Session(this.schedule, this);
  }

  readonly means = {
    now: () => new Date(this.schedule.now),
    nextToken: () => ++this.token,
    nextId: () => ++this.#id,
  };

  /** The database as one process reaches it. */
  connect(process: Process): Database {
    return {
      withTenant: (tenantId, work) => this.#withTenant(process, tenantId, work),
      inOneTrip: (tenantId, work) => this.#inOneTrip(process, tenantId, work),
      system: this.#system(process),
      lock: (name) => this.#lock(process, name),
      ping: async () => {},
      close: async () => {},
    };
  }

  async #withTenant<T>(
    process: Process,
    tenantId: string,
    work: (tx: Transaction) => Promise<T>,
  ): Promise<T> {
    const { schedule } = this;
    const session = this.open();
    const forget = process.atEnd(() => session.rollback());
    const pipeline = new Pipeline(this, process, session);
    const tx = transactionOver((statement) => pipeline.run(statement), tenantId);
    try {
      const result = await work(tx);
      await schedule.call(process, "commit", () => session.commit());
      return result;
    } catch (error) {
      session.rollback();
      throw error;
    } finally {
      forget();
    }
  }

  /** Statements and commit leave together and are one step: the server carries out what it was sent, whoever hears of it. */
  async #inOneTrip<T>(process: Process, tenantId: string, work: (tx: Transaction) => Promise<T>): Promise<T> {
    const session = this.open();
    const forget = process.atEnd(() => session.rollback());
    const trip = new Trip(this, session);
    const tx = transactionOver((statement) => trip.add(statement), tenantId);
    const working = work(tx);
    working.catch(() => {}); // awaited below, when the trip is over
    const act = (step: Step) => trip.carryOut(step);
    try {
      await this.schedule.call(process, trip.leave(), act);
      trip.answer();
    } catch (error) {
      if (!session.isParked) session.rollback(); // what waits there goes on without us
      trip.fail(error);
    }
    if (session.state === "over") forget();
    return await working;
  }

  #system(process: Process): Kysely<Tables> {
    return kyselyOver((statement) =>
      this.schedule.call<Result>(
        process,
        () => `system ${describe(statement)}`,
        (step) => {
          const session = this.open();
          const result = session.run(step, () =>
            carryOut(statement, { session, tables: this.tables }, this.means),
          );
          if (result === waiting) session.rollback();
          else session.commit();
          return result;
        },
      ),
    );
  }

  /** A lock lives as long as the connection that took it: one that breaks holds nothing. */
  #lock(process: Process, name: string): Promise<Lock | null> {
    const { schedule } = this;
    const take = (): Lock | null => {
      if (this.#named.has(name)) return null;
      const lost = new AbortController();
      const free = () => {
        forget();
        if (this.#named.get(name) === lost) this.#free(name);
      };
      const forget = process.atEnd(free);
      this.#named.set(name, lost);
      const release = () => schedule.call(process, `unlock ${name}`, free, { onBreak: free });
      return { lost: lost.signal, release };
    };
    return schedule.call(process, `lock ${name}`, take, { onBreak: () => {} });
  }

  /** Resolves once nobody holds the lock. */
  released(process: Process, name: string): Promise<void> {
    const act = (step: Step) => {
      if (!this.#named.has(name)) return;
      this.#hopeful.push(step);
      return waiting;
    };
    return this.schedule.call(process, `wait for ${name}`, act, { exempt: true });
  }

  #free(name: string): void {
    this.#named.delete(name);
    for (const step of this.#hopeful.splice(0)) this.schedule.wake(step);
  }

  /** The connection that holds a lock ends: another may have it at once, the holder hears of it a moment later. */
  loseLock(name: string, noticedAfterMs: number): void {
    const lost = this.#named.get(name);
    if (!lost) return;
    this.#free(name);
    this.schedule.after(noticedAfterMs, () =>
      lost.abort(new Error("the connection that holds the lock ended")),
    );
  }
}

/** Statements of one transaction travel together and are carried out one after the other. */
class Pipeline {
  readonly #postgres: SimulatedPostgres;
  readonly #process: Process;
  readonly #session: Session;
  #last: Promise<unknown> | null = null;

  constructor(postgres: SimulatedPostgres, process: Process, session: Session) {
    this.#postgres = postgres;
    this.#process = process;
    this.#session = session;
  }

  run(statement: Builder): Promise<Result> {
    const before = this.#last;
    const own =
      before === null
        ? this.#carryOut(statement)
        : before.then(
            () => this.#carryOut(statement),
            () => this.#carryOut(statement),
          );
    this.#last = own;
    return own;
  }

  #carryOut(statement: Builder): Promise<Result> {
    const { schedule, tables, means } = this.#postgres;
    const session = this.#session;
    const act = (step: Step) => session.run(step, () => carryOut(statement, { session, tables }, means));
    return schedule.call(this.#process, () => describe(statement), act, {
      onBreak: () => session.rollback(),
    });
  }
}
