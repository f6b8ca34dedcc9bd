import { sql } from "kysely";
import { appendAudit } from "../audit/append-audit.ts";
import { CloudEvent } from "../event/event.ts";
import { appendEvent } from "../event/append-event.ts";
import type { Transaction } from "../ports/database.ts";
import type { ConsumedRecord } from "../ports/stream.ts";
import type { Ports } from "../ports/ports.ts";
import { liveDevices } from "../user/live-devices.ts";

type NotifyPorts = Pick<Ports, "database" | "push" | "ids" | "log">;

/** Group and inbox name; free of the cell, so that a switch of cells repeats nothing. */
export const notifier = "notifier";

/** Who it was, in the audit. */
const actor = "system:notifier";

/** Facts that a driver is told of. */
const told = new Set(["document.stored.v1", "document.rejected.v1", "document.failed.v1"]);

/**
 * Tells a person's devices what became of their document. Idempotency key: (notifier, event id), and a version is told
 * once at most; a push is sent before its row is written, so it may repeat, under the same collapse tag.
 */
export async function notifyUser(
  ports: NotifyPorts,
  record: ConsumedRecord,
): Promise<"notified" | "skipped"> {
  const event = readEvent(ports, record);
  const ownerId = event?.data["ownerId"];
  if (!event || !told.has(event.type) || typeof ownerId !== "string") return "skipped";
  const devices = await ports.database.inOneTrip(event.tenant, (tx) => listDevices(tx, event, ownerId));
  if (devices === null) return "skipped";
  const outcome = await tellDevices(ports, event, devices);
  await ports.database.withTenant(event.tenant, (tx) =>
    recordNotice(ports, tx, event, { ownerId, ...outcome }),
  );
  return "notified";
}

/**
 * One device after another. A fault of a token is no reason to stop: the record would come again for ever, and with it
 * every notice of its partition. A refused device is kept, since a wrong key of ours would be told of every device.
 */
async function tellDevices(ports: NotifyPorts, event: CloudEvent, devices: Device[]) {
  const dead: Device[] = [];
  let reached = 0;
  for (const device of devices) {
    const answer = await send(ports, event, device.push_token);
    const fields = { tenantId: event.tenant, deviceId: device.id };
    if (answer === "delivered") reached++;
    if (answer === "refused") ports.log.warn("notice.token_refused", fields);
    if (answer !== "unregistered") continue;
    ports.log.info("notice.token_dead", fields);
    dead.push(device);
  }
  return { reached, dead };
}

type Device = { id: string; push_token: string };

/** The fact in a record; null, and an error in the log, when there is none: no second reading would make it better. */
function readEvent(ports: NotifyPorts, { value, partition, offset }: ConsumedRecord): CloudEvent | null {
  try {
    return CloudEvent.parse(JSON.parse(value));
  } catch (error) {
    ports.log.error("notice.unreadable", { partition, offset, error: error as Error });
    return null;
  }
}

/** One tag per version of a document: a person sees one notice however often it is sent. */
export function pushTag(event: Pick<CloudEvent, "subject" | "version">): string {
  return `${event.subject}.${event.version}`;
}

async function send(ports: NotifyPorts, event: CloudEvent, token: string) {
  const data = { documentId: event.subject, type: event.type, version: String(event.version) };
  return await ports.push.send({ token, tag: pushTag(event), data });
}

/** Live devices of the owner, none when they were disabled; null when this version, or a later one, was told before. */
async function listDevices(tx: Transaction, event: CloudEvent, ownerId: string) {
  const [seen, devices] = await Promise.all([
    tx
      .selectFrom("inbox_version")
      .select("version")
      .where((eb) => eb.and({ tenant_id: tx.insideTenant, consumer: notifier, document_id: event.subject }))
      .executeTakeFirst(),
    liveDevices(tx, ownerId)
      .select(["id", "push_token"])
      .where((eb) => eb.exists(mayLookIn(tx, ownerId)))
      .execute(),
  ]);
  return seen && seen.version >= event.version ? null : devices;
}

/** Whoever was disabled, and whose device may be in other hands by now, is told nothing more. */
function mayLookIn(tx: Transaction, userId: string) {
  return tx
    .selectFrom("app_user")
    .select("id")
    .where("tenant_id", "=", tx.insideTenant)
    .where("id", "=", userId)
    .where("disabled_at", "is", null);
}

type Outcome = { ownerId: string; reached: number; dead: Device[] };

async function recordNotice(
  ports: NotifyPorts,
  tx: Transaction,
  event: CloudEvent,
  { ownerId, reached, dead }: Outcome,
): Promise<void> {
  const first = await tx
    .insertInto("inbox")
    .values({ tenant_id: tx.insideTenant, consumer: notifier, event_id: event.id })
    .onConflict((conflict) => conflict.doNothing())
    .returning("event_id")
    .executeTakeFirst();
  if (!first) return;
  await Promise.all([
    rememberVersion(tx, event),
    dropDevices(ports, tx, dead),
    appendEvent(ports, tx, {
      documentId: event.subject,
      version: event.version,
      type: "user.notified",
      traceparent: event.traceparent ?? null,
      data: { ownerId, about: event.type, reached },
    }),
    appendAudit(ports, tx, {
      actor,
      action: "user.notified",
      subject: event.subject,
      detail: { ownerId, reached, version: event.version },
    }),
  ]);
}

async function rememberVersion(tx: Transaction, event: CloudEvent): Promise<void> {
  await tx
    .insertInto("inbox_version")
    .values({
      tenant_id: tx.insideTenant,
      consumer: notifier,
      document_id: event.subject,
      version: event.version,
    })
    .onConflict((conflict) =>
      conflict
        .columns(["tenant_id", "consumer", "document_id"])
        .doUpdateSet({ version: sql`greatest(inbox_version.version, excluded.version)` }),
    )
    .execute();
}

/** Only `unregistered` drops a token: any other fault may pass. A device that has a new one by now is kept. */
async function dropDevices(ports: NotifyPorts, tx: Transaction, dead: Device[]): Promise<void> {
  if (dead.length === 0) return;
  const dropped = await tx
    .updateTable("device")
    .set({ dropped_at: sql`clock_timestamp()` })
    .where("tenant_id", "=", tx.insideTenant)
    .where((eb) => eb.or(dead.map(({ id, push_token }) => eb.and({ id, push_token }))))
    .where("dropped_at", "is", null)
    .returning("id")
    .execute();
  const note = { actor, action: "device.dropped", detail: { reason: "token_dead" } };
  await Promise.all(dropped.map(({ id: subject }) => appendAudit(ports, tx, { ...note, subject })));
}
