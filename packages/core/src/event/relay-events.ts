import { isAnyOf } from "../database/is-any-of.ts";
import type { OutboxRow } from "../database/tables.ts";
import { TenantId } from "../ids.ts";
import type { StreamRecord, Topic } from "../ports/stream.ts";
import type { Ports } from "../ports/ports.ts";
import { issueReceipt } from "../receipt/issue-receipt.ts";
import type { CloudEvent } from "./event.ts";

export type RelayPorts = Pick<Ports, "database" | "stream" | "keys" | "clock" | "config" | "log">;

/** Rows that one round reads, at most. */
const batch = 500;

/** What a round did; `waiting` keys failed and are tried again with their order kept. */
export type Relayed = { published: number; failedKeys: number };

/**
 * One round of the relay: reads unpublished rows in order, signs receipts, publishes, and marks what the stream has
 * acknowledged. A key that fails stops that key only. Run by one holder of the relay lock; killed between publish and
 * mark, it publishes again: consumers drop a version that they have seen.
 */
export async function relayEvents(
  ports: RelayPorts,
  { passedOver = new Set(), most = batch }: { passedOver?: ReadonlySet<string>; most?: number } = {},
): Promise<Relayed & { failed: string[] }> {
  const rows = await readOutbox(ports, passedOver, most);
  const unsigned = await issueReceipts(ports, rows);
  const ready = rows.filter((row) => !unsigned.has(row.document_id));
  const acknowledged = (
    await Promise.all(byTopic(ready).map(([topic, some]) => publish(ports, topic, some)))
  ).flat();
  await markPublished(ports, acknowledged);
  const failed = new Set(rows.filter((row) => !acknowledged.includes(row.id)).map((row) => row.document_id));
  return { published: acknowledged.length, failedKeys: failed.size, failed: [...failed] };
}

async function readOutbox(
  ports: RelayPorts,
  passedOver: ReadonlySet<string>,
  most: number,
): Promise<OutboxRow[]> {
  return await ports.database.system
    .selectFrom("outbox")
    .selectAll()
    .where("published_at", "is", null)
    .$if(passedOver.size > 0, (query) => query.where("document_id", "not in", [...passedOver]))
    .orderBy("id")
    .limit(most)
    .execute();
}

/** The receipt is there before anybody hears that the document is stored. Answers the documents that could not be signed. */
async function issueReceipts(ports: RelayPorts, rows: OutboxRow[]): Promise<Set<string>> {
  const unsigned = new Set<string>();
  for (const row of rows.filter(({ type }) => type === "document.stored")) {
    await issueReceipt(ports, TenantId.parse(row.tenant_id), row.document_id).catch((error: Error) => {
      unsigned.add(row.document_id);
      ports.log.error("receipt.not_signed", { documentId: row.document_id, error });
    });
  }
  return unsigned;
}

function byTopic(rows: OutboxRow[]): [Topic, OutboxRow[]][] {
  return [...Map.groupBy(rows, (row) => row.topic as Topic)];
}

async function publish(ports: RelayPorts, topic: Topic, rows: OutboxRow[]): Promise<number[]> {
  const results = await ports.stream.publish(
    topic,
    rows.map((row) => recordOf(ports, row)),
  );
  return rows.flatMap((row, index) => {
    const result = results[index]!;
    if (!result.acknowledged)
      ports.log.warn("relay.not_acknowledged", { documentId: row.document_id, error: result.error });
    return result.acknowledged ? [row.id] : [];
  });
}

function recordOf(ports: RelayPorts, row: OutboxRow): StreamRecord {
  const event: CloudEvent = {
    specversion: "1.0",
    id: row.event_id,
    source: `strongroom/${ports.config.cell}`,
    type: `${row.type}.v1`,
    subject: row.document_id as CloudEvent["subject"],
    time: row.created_at.toISOString(),
    datacontenttype: "application/json",
    tenant: row.tenant_id as CloudEvent["tenant"],
    cell: ports.config.cell,
    version: row.version,
    ...(row.traceparent && { traceparent: row.traceparent }),
    data: row.data,
  };
  return {
    key: row.document_id,
    value: JSON.stringify(event),
    headers: row.traceparent ? { traceparent: row.traceparent } : {},
  };
}

async function markPublished(ports: RelayPorts, ids: number[]): Promise<void> {
  if (ids.length === 0) return;
  await ports.database.system
    .updateTable("outbox")
    .set({ published_at: ports.clock.now() })
    .where(isAnyOf("id", ids))
    .execute();
}
