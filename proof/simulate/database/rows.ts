import type { Schedule, Step } from "../world/schedule.ts";
import type { Table } from "./tables.ts";
import { waiting } from "../world/schedule.ts";

export type Row = Readonly<Record<string, unknown>>;

/** A row of a table: what is committed, what the transaction that holds its lock made of it, and those that keep it as it is. */
export type Entry = {
  committed: Row | null;
  pending: Row | null;
  owner: Session | null;
  keepers: Set<Session> | null;
};

/** An error as PostgreSQL tells it. */
export class PostgresError extends Error {
  override readonly name = "error";
  readonly code: string;
  readonly constraint: string | undefined;

  constructor(code: string, message: string, constraint?: string) {
    super(message);
    this.code = code;
    this.constraint = constraint;
  }
}

/** Thrown inside a statement that met a lock: it begins anew when the lock is gone, as READ COMMITTED looks again. */
export class MustWait extends Error {
  readonly owner: Session;

  constructor(owner: Session) {
    super("waits for a lock");
    this.owner = owner;
  }
}

/** What all transactions share. */
type Shared = {
  readonly locks: Map<string, Session>;
  onCommit: (table: Table, entry: Entry, session: Session) => void;
};

/** `statement_timeout` of the product's pool. */
export const statementTimeoutMs = 15_000;

/** One transaction. At most one statement of it runs, or waits, at a time. */
export class Session {
  state: "open" | "failed" | "over" = "open";
  waitsFor: Session | null = null;
  readonly openedAt: number;
  readonly #touched: { table: Table; entry: Entry }[] = [];
  readonly #kept: Entry[] = [];
  readonly #advisory: string[] = [];
  readonly #waiters: Step[] = [];
  readonly #schedule: Schedule;
  readonly #tables: Shared;

  constructor(schedule: Schedule, tables: Shared) {
    this.#schedule = schedule;
    this.openedAt = schedule.now;
    this.#tables = tables;
  }

  sees(entry: Entry): Row | null {
    return entry.owner === this ? entry.pending : entry.committed;
  }

  mayTake(entry: Entry): boolean {
    return entry.owner === this || this.#holderOf(entry) === null;
  }

  /** Throws `MustWait` while another transaction holds the row, or keeps it as it is. */
  take(table: Table, entry: Entry): void {
    if (entry.owner === this) return;
    const holder = this.#holderOf(entry);
    if (holder !== null) throw new MustWait(holder);
    entry.owner = this;
    entry.pending = entry.committed;
    this.#touched.push({ table, entry });
  }

  /** `for share`: others may keep the row, too. Throws `MustWait` while another transaction holds it. */
  keep(entry: Entry): void {
    if (entry.owner === this) return;
    if (entry.owner !== null) throw new MustWait(entry.owner);
    entry.keepers ??= new Set();
    entry.keepers.add(this);
    this.#kept.push(entry);
  }

  #holderOf({ owner, keepers }: Entry): Session | null {
    if (owner !== null || keepers === null) return owner;
    for (const keeper of keepers) if (keeper !== this) return keeper;
    return null;
  }

  /** `pg_advisory_xact_lock` */
  lock(name: string): void {
    const holder = this.#tables.locks.get(name);
    if (holder === this) return;
    if (holder) throw new MustWait(holder);
    this.#tables.locks.set(name, this);
    this.#advisory.push(name);
  }

  /** Whether one of its statements waits at the server for somebody who is still at work. */
  get isParked(): boolean {
    return this.waitsFor !== null && this.waitsFor.state !== "over";
  }

  /** Runs one statement; parks the step when it met a lock. */
  run<T>(step: Step, statement: () => T): T | typeof waiting {
    this.waitsFor = null;
    if (this.state === "over") throw new Error("the connection was lost: Connection terminated unexpectedly");
    if (this.state === "failed")
      throw new PostgresError("25P02", "current transaction is aborted, commands ignored until end of block");
    try {
      return statement();
    } catch (error) {
      if (error instanceof MustWait) return this.#wait(step, error.owner);
      this.state = "failed";
      throw error;
    }
  }

  #wait(step: Step, owner: Session): typeof waiting {
    for (let next: Session | null = owner; next !== null; next = next.waitsFor) {
      if (next !== this) continue;
      this.state = "failed";
      throw new PostgresError("40P01", "deadlock detected");
    }
    this.waitsFor = owner;
    owner.#waiters.push(step);
    this.#schedule.after(statementTimeoutMs, () => {
      const index = owner.#waiters.indexOf(step);
      if (index < 0) return;
      owner.#waiters.splice(index, 1);
      this.state = "failed";
      this.waitsFor = null;
      step.reject(new PostgresError("57014", "canceling statement due to statement timeout"));
    });
    return waiting;
  }

  commit(): void {
    if (this.state !== "open") {
      this.rollback();
      throw new Error("the transaction was rolled back: a statement in it had failed");
    }
    for (const { table, entry } of this.#touched) {
      const changed = entry.pending !== entry.committed;
      entry.committed = entry.pending;
      if (changed) this.#tables.onCommit(table, entry, this);
    }
    this.#release();
  }

  rollback(): void {
    if (this.state !== "over") this.#release();
  }

  #release(): void {
    this.state = "over";
    this.waitsFor = null;
    for (const { table, entry } of this.#touched) {
      entry.owner = null;
      entry.pending = null;
      if (entry.committed === null) table.forget(entry);
    }
    for (const { keepers } of this.#kept) keepers!.delete(this);
    for (const name of this.#advisory) this.#tables.locks.delete(name);
    for (const step of this.#waiters.splice(0)) this.#schedule.wake(step);
  }
}
