import type { Kysely } from "kysely";
import type { Tables } from "../database/tables.ts";
import type { TenantId } from "../ids.ts";

/** Where a PostgreSQL 17 database is, and as whom to come. */
export type Connection = { host: string; port: number; database: string; user: string; password: string };

/** owner migrates; app works inside one tenant; system schedules across tenants; embedded holds queue and stream. */
export const databaseRoles = ["owner", "app", "system", "embedded"] as const;
export type DatabaseRole = (typeof databaseRoles)[number];

/** One transaction inside one tenant: whoever takes it may write. */
export type Transaction = Kysely<Tables> & { readonly insideTenant: TenantId };

/** Scheduling and outbox columns of every tenant, nothing else (bounded by column grants). */
export type SystemReader = Kysely<Tables>;

/** A lock that one holder in the whole system has, until released or its connection is lost. */
export type Lock = { lost: AbortSignal; release(): Promise<void> };

export interface Database {
  /**
   * The only door to a tenant's rows: one transaction, committed when `work` resolves, rolled back when it throws.
   * Opening it costs no round trip of its own: it travels with the first statement.
   */
  withTenant<T>(tenantId: TenantId, work: (tx: Transaction) => Promise<T>): Promise<T>;
  /**
   * The same in one round trip, for work whose statements do not depend on one another's answers: it makes all of them
   * before it first awaits, one made later rejects. What it throws by itself afterwards undoes nothing; a statement that
   * fails undoes all.
   */
  inOneTrip<T>(tenantId: TenantId, work: (tx: Transaction) => Promise<T>): Promise<T>;
  /** What the system role may see across tenants. */
  readonly system: SystemReader;
  /** Takes the named lock on a direct connection; null when somebody else holds it. */
  lock(name: string): Promise<Lock | null>;
  /** Resolves when a round trip works; throws otherwise. */
  ping(): Promise<void>;
  close(): Promise<void>;
}
