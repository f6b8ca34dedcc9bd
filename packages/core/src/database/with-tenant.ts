import type pg from "pg";
import type { TenantId } from "../ids.ts";
import type { Transaction } from "../ports/database.ts";
import { kyselyOver, type Send } from "./kysely-over.ts";
import type { StatementNames } from "./statement-names.ts";

/** A pool of connections, and what statements are called on them; null where they have to be planned anew each time. */
export type Door = { pool: pg.Pool; names: StatementNames | null };

type Work<T> = (tx: Transaction) => Promise<T>;

/**
 * Runs `work` in one transaction inside one tenant. Its opening leaves together with the first statements of `work`, so a
 * transaction of one statement costs two round trips. A client that could not roll back is discarded.
 */
export const withTenant = <T>(door: Door, tenantId: TenantId, work: Work<T>): Promise<T> =>
  unlessStale(door, () => inTwoTrips(door, tenantId, work));

async function inTwoTrips<T>(door: Door, tenantId: TenantId, work: Work<T>): Promise<T> {
  const client = await door.pool.connect();
  let broken: Error | undefined;
  const fault = new FirstFault();
  const send: Send = (statement) => fault.watch(client.query(named(door, statement)));
  try {
    const [opening, working] = inOnePiece(client, () => [
      open(door, client, tenantId),
      work(transactionOver(tenantId, send)),
    ]);
    const result = await working;
    await opening;
    checkCommit(await client.query("commit"));
    return result;
  } catch (error) {
    await client.query("rollback").catch((lost: Error) => (broken = lost));
    throw fault.behind(error);
  } finally {
    client.release(broken);
  }
}

/**
 * The same in one round trip: opening, statements and commit leave together. `work` makes all its statements before it
 * awaits anything: one that comes later is refused, and what `work` throws by itself undoes nothing.
 */
export const inOneTrip = <T>(door: Door, tenantId: TenantId, work: Work<T>): Promise<T> =>
  unlessStale(door, () => inTrip(door, tenantId, work));

async function inTrip<T>(door: Door, tenantId: TenantId, work: Work<T>): Promise<T> {
  const client = await door.pool.connect();
  let broken: Error | undefined;
  let hasLeft = false;
  const fault = new FirstFault();
  const send: Send = (statement) => {
    if (hasLeft) throw new Error("the statement was made after its transaction had left");
    return fault.watch(client.query(named(door, statement)));
  };
  try {
    const [opening, working, committing] = inOnePiece(client, () => [
      open(door, client, tenantId),
      (async () => await work(transactionOver(tenantId, send)))(), // what it throws at once must not keep the commit back
      client.query("commit"),
    ]);
    hasLeft = true;
    committing.catch((lost: Error) => (broken = lost));
    const [worked] = await Promise.allSettled([working, opening, committing]);
    if (worked.status === "rejected") throw fault.behind(worked.reason);
    await opening;
    checkCommit(await committing);
    return worked.value;
  } finally {
    client.release(broken);
  }
}

/** Whoever first meets a migration's new columns does the work a second time: nothing of the first was kept. */
async function unlessStale<T>({ names }: Door, attempt: () => Promise<T>): Promise<T> {
  try {
    return await attempt();
  } catch (error) {
    if (!names?.forget(error)) throw error;
    return await attempt();
  }
}

/**
 * Remembers the first fault of a transaction: every statement after it fails too, only because of it, and whichever of
 * them the work hears of first is chance.
 */
class FirstFault {
  #first: unknown = null;

  watch<T>(sent: Promise<T>): Promise<T> {
    sent.catch((error: unknown) => (this.#first ??= error));
    return sent;
  }

  /** What is to be thrown in place of an error that the work threw. */
  behind(error: unknown): unknown {
    const isConsequence = error instanceof Error && "code" in error && error.code === "25P02";
    return isConsequence ? (this.#first ?? error) : error;
  }
}

/** What is sent meanwhile goes to the kernel in one piece: a write costs more than what it carries. */
function inOnePiece<T>(client: pg.PoolClient, send: () => T): T {
  const { stream } = client.connection;
  stream.cork();
  try {
    return send();
  } finally {
    stream.uncork();
  }
}

/**
 * Begins and enters the tenant in one message: with a parameter it would be three. The plain setting does what the function
 * does, and makes transactions of one row a fifth more a second; but a proxy keeps a session for whoever sets something.
 */
function open({ names }: Door, client: pg.PoolClient, tenantId: TenantId): Promise<unknown> {
  if (!/^[\da-f-]{36}$/i.test(tenantId)) throw new Error("a tenant's id is a UUID");
  const entering =
    names === null ? `select enter_tenant('${tenantId}')` : `set local strongroom.tenant = '${tenantId}'`;
  const opening = client.query(`begin; ${entering}`);
  opening.catch(() => {}); // awaited in the end; without this a fault of the work would leave it unhandled
  return opening;
}

/** PostgreSQL answers ROLLBACK to the commit of a transaction in which a statement failed, and calls that a success. */
function checkCommit({ command }: pg.QueryResult): void {
  if (command !== "COMMIT") throw new Error("the transaction was rolled back: a statement in it had failed");
}

const named = ({ names }: Door, statement: Parameters<Send>[0]) =>
  names === null ? statement : { ...statement, name: names.of(statement.text) };

const transactionOver = (tenantId: TenantId, send: Send): Transaction =>
  Object.assign(kyselyOver(send), { insideTenant: tenantId });
