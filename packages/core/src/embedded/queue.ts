import type pg from "pg";
import type { Connection } from "../ports/database.ts";
import type { Message, Queue, QueueDepth, QueueName } from "../ports/queue.ts";
import { Bell } from "./bell.ts";
import { answer, extraDelayMs, noFaults, strikes } from "./faults.ts";
import type { Faults } from "./faults.ts";
import { ensureTables, kept, openPool } from "./postgres-session.ts";
import { queueStatements, queueTables } from "./queue-statements.ts";
import type { LoanRow } from "./queue-statements.ts";

/** Limits of SQS, kept here too, so that nothing works embedded alone. */
const limits = { messages: 10, delayMs: 900_000, visibilityMs: 43_200_000, bodyBytes: 262_144 };
/** A receive that waits looks by itself this often, in case a ring was lost. */
const pollMs = 1_000;

/** `maxReceives`: deliveries without acknowledgement after which a message is a dead letter. */
export type EmbeddedQueueOptions = { connection: Connection; faults?: Faults; maxReceives?: number };

/**
 * A queue in PostgreSQL with the manners and limits of SQS, on connections of its own (five at most). After an outage of
 * the database it goes on by itself; calls during the outage reject.
 */
export async function createEmbeddedQueue(
  options: EmbeddedQueueOptions,
): Promise<Queue & { close(): Promise<void> }> {
  const { connection, faults = noFaults, maxReceives = 5 } = options;
  const pool = openPool(connection, "queue");
  try {
    await ensureTables(pool, "queue_message", queueTables);
    return queueOn(pool, await Bell.open(connection, "embedded_queue"), faults, maxReceives);
  } catch (error) {
    await pool.end();
    throw error;
  }
}

function queueOn(
  pool: pg.Pool,
  bell: Bell,
  faults: Faults,
  maxReceives: number,
): Queue & { close(): Promise<void> } {
  let closed = false;
  const act = (acting: Promise<unknown>): Promise<void> => answer(faults, acting).then(() => {});
  return {
    async send(queue, body, { delayMs = 0, attributes = {} } = {}) {
      within("delayMs", delayMs, 0, limits.delayMs);
      within("the size of the body", Buffer.byteLength(body), 1, limits.bodyBytes);
      await act(
        send(pool, queue, body, delayMs + extraDelayMs(faults), attributes).then(() => bell.ring(queue)),
      );
    },
    async receive(queue, wish) {
      within("max", wish.max, 1, limits.messages);
      within("visibilityMs", wish.visibilityMs, 0, limits.visibilityMs);
      const messages = await receive({ pool, bell, faults, maxReceives, isOpen: () => !closed }, queue, wish);
      return answer(faults, Promise.resolve(messages));
    },
    async extend(queue, receipt, visibilityMs) {
      within("visibilityMs", visibilityMs, 0, limits.visibilityMs);
      await act(pool.query(kept(queueStatements.extend, [queue, receipt, visibilityMs])));
    },
    acknowledge: (queue, receipt) => act(pool.query(kept(queueStatements.acknowledge, [queue, receipt]))),
    async release(queue, receipt, delayMs) {
      within("delayMs", delayMs, 0, limits.visibilityMs);
      await act(
        pool.query(kept(queueStatements.release, [queue, receipt, delayMs])).then(() => bell.ring(queue)),
      );
    },
    async receiveDead(queue, { max, visibilityMs }) {
      within("max", max, 1, limits.messages);
      within("visibilityMs", visibilityMs, 0, limits.visibilityMs);
      await pool.query(kept(queueStatements.bury, [queue, maxReceives]));
      const { rows } = await pool.query<LoanRow>(kept(queueStatements.takeDead, [queue, max, visibilityMs]));
      return answer(faults, Promise.resolve(rows.map(message)));
    },
    acknowledgeDead: (queue, receipt) =>
      act(pool.query(kept(queueStatements.acknowledgeDead, [queue, receipt]))),
    async depth(queue) {
      await pool.query(kept(queueStatements.bury, [queue, maxReceives]));
      const { rows } = await pool.query<QueueDepth>(kept(queueStatements.depth, [queue]));
      return rows[0]!;
    },
    async close() {
      closed = true;
      await bell.close();
      await pool.end();
    },
  };
}

async function send(
  pool: pg.Pool,
  queue: QueueName,
  body: string,
  delayMs: number,
  attributes: Record<string, string>,
) {
  await pool.query(kept(queueStatements.send, [queue, body, JSON.stringify(attributes), delayMs]));
}

type Receiver = { pool: pg.Pool; bell: Bell; faults: Faults; maxReceives: number; isOpen: () => boolean };

async function receive(
  { pool, bell, faults, maxReceives, isOpen }: Receiver,
  queue: QueueName,
  { max, waitMs, visibilityMs, signal }: Parameters<Queue["receive"]>[1],
): Promise<Message[]> {
  if (!isOpen()) throw new Error("the queue is closed"); // an answer at once, of nothing, would make a loop spin
  const deadline = performance.now() + waitMs;
  while (isOpen() && !signal?.aborted) {
    const count = bell.count(queue);
    const shuffled = strikes(faults, faults.reorder);
    const { messages, buried } = await take(pool, queue, { max, visibilityMs, maxReceives, shuffled });
    for (const one of messages) if (strikes(faults, faults.duplicate)) await double(pool, one);
    if (messages.length > 0) return messages;
    if (buried) continue;
    const remainingMs = deadline - performance.now();
    if (remainingMs <= 0) break;
    await bell.changed(queue, count, Math.min(remainingMs, pollMs, await untilNextMs(pool, queue)), signal);
  }
  return [];
}

async function take(
  pool: pg.Pool,
  queue: QueueName,
  want: { max: number; visibilityMs: number; maxReceives: number; shuffled: boolean },
): Promise<{ messages: Message[]; buried: boolean }> {
  const sql = queueStatements.take(want.shuffled ? "random()" : "visible_at, id");
  const { rows } = await pool.query<LoanRow>(
    kept(sql, [queue, want.max, want.visibilityMs, want.maxReceives]),
  );
  const loaned = rows.filter((row) => !row.dead);
  return { messages: loaned.map(message), buried: loaned.length < rows.length };
}

async function double(pool: pg.Pool, original: Message): Promise<void> {
  await pool.query(kept(queueStatements.double, [original.receipt]));
}

async function untilNextMs(pool: pg.Pool, queue: QueueName): Promise<number> {
  const { rows } = await pool.query<{ untilMs: number | null }>(kept(queueStatements.untilNext, [queue]));
  return Math.max(10, rows[0]?.untilMs ?? pollMs); // a message that another receiver is just taking must not make us spin
}

const message = (row: LoanRow): Message => ({
  id: row.id,
  receipt: row.receipt,
  body: row.body,
  receiveCount: row.receive_count,
  attributes: row.attributes,
});

function within(name: string, value: number, least: number, most: number): void {
  if (!(value >= least && value <= most))
    throw new RangeError(`${name} is ${value}, but must be ${least} to ${most}`);
}
