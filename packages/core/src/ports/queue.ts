/** Queues of a cell, in the order that data meets them. `late` holds doorbells of over-age work, and of a tenant beyond its turns. */
export const queueNames = ["ingest", "documents", "late"] as const;
export type QueueName = (typeof queueNames)[number];

/** A message on loan: invisible to others until its visibility runs out. */
export type Message = {
  id: string;
  /** Names this delivery; a later delivery of the same message has another. */
  receipt: string;
  body: string;
  /** Deliveries so far, this one included. */
  receiveCount: number;
  /** Trace context and the like. */
  attributes: Record<string, string>;
};

/** `oldestWaitingMs` is null when nothing waits, and where the broker does not tell (SQS: CloudWatch does). */
export type QueueDepth = { waiting: number; inFlight: number; dead: number; oldestWaitingMs: number | null };

/**
 * A doorbell: at least once, in no order, on connections of its own (it never joins a caller's transaction).
 * After `maxReceives` deliveries without acknowledgement a message moves to the queue's dead letters.
 */
export interface Queue {
  send(
    queue: QueueName,
    body: string,
    options?: { delayMs?: number; attributes?: Record<string, string> },
  ): Promise<void>;
  /** Waits up to `waitMs` for at least one message; empty when none came or the signal aborted. `max` is 1 to 10. */
  receive(
    queue: QueueName,
    options: { max: number; waitMs: number; visibilityMs: number; signal?: AbortSignal },
  ): Promise<Message[]>;
  /** Keeps a message invisible for `visibilityMs` from now; no error when the loan is over. */
  extend(queue: QueueName, receipt: string, visibilityMs: number): Promise<void>;
  /** Deletes a message; no error when it is gone or loaned anew. */
  acknowledge(queue: QueueName, receipt: string): Promise<void>;
  /** Gives a message back, visible after `delayMs`. */
  release(queue: QueueName, receipt: string, delayMs: number): Promise<void>;
  /** Dead letters on loan for `visibilityMs`; acknowledge them with `acknowledgeDead`. */
  receiveDead(queue: QueueName, options: { max: number; visibilityMs: number }): Promise<Message[]>;
  acknowledgeDead(queue: QueueName, receipt: string): Promise<void>;
  depth(queue: QueueName): Promise<QueueDepth>;
}
