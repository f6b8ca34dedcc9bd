import type { Ports } from "../ports/ports.ts";
import type { Transaction } from "../ports/database.ts";
import { type EventType, eventTopics } from "./event.ts";

/** A fact about a document that does not move it: its version stays what it is. */
export type Fact = {
  documentId: string;
  version: number;
  type: EventType;
  data: Record<string, unknown>;
  traceparent: string | null;
};

/** Puts a fact into the outbox, in the transaction that makes it true. */
export async function appendEvent(ports: Pick<Ports, "ids">, tx: Transaction, fact: Fact): Promise<void> {
  await tx
    .insertInto("outbox")
    .values({
      tenant_id: tx.insideTenant,
      event_id: ports.ids.uuid(),
      topic: eventTopics[fact.type],
      type: fact.type,
      document_id: fact.documentId,
      version: fact.version,
      data: JSON.stringify(fact.data),
      traceparent: fact.traceparent,
    })
    .execute();
}
