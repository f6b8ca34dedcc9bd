import { sql } from "kysely";
import { appendAudit } from "../audit/append-audit.ts";
import type { Ports } from "../ports/ports.ts";
import type { Transaction } from "../ports/database.ts";
import { type Actor, actorName, deviceLimits } from "./user.ts";

/** Lets registrations of a tenant follow one another, so that each sees the devices that those before it left. */
export async function lockDevices(tx: Transaction): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`${tx.insideTenant}/devices`}, 2))`.execute(tx);
}

/**
 * Drops other devices of the tenant that have this push token, whoever they are of, and answers their ids: the phone went
 * to another person, who is not to see the notices of the first.
 */
export async function dropTokenElsewhere(
  tx: Transaction,
  { deviceId, pushToken }: { deviceId: string; pushToken: string },
): Promise<string[]> {
  return await drop(liveOthers(tx, deviceId).where("push_token", "=", pushToken));
}

/** Drops a person's devices beyond their limit, those unused for longest first, never the one registered now; answers their ids. */
export async function dropSurplus(tx: Transaction, { userId }: Actor, deviceId: string): Promise<string[]> {
  const surplus = tx
    .selectFrom("device")
    .select("id")
    .where("tenant_id", "=", tx.insideTenant)
    .where("user_id", "=", userId)
    .where("id", "<>", deviceId)
    .where("dropped_at", "is", null)
    .orderBy("registered_at", "desc")
    .offset(deviceLimits.perPerson - 1);
  return await drop(liveOthers(tx, deviceId).where("id", "in", surplus));
}

function liveOthers(tx: Transaction, deviceId: string) {
  return tx
    .updateTable("device")
    .set({ dropped_at: sql`clock_timestamp()` })
    .where("tenant_id", "=", tx.insideTenant)
    .where("id", "<>", deviceId)
    .where("dropped_at", "is", null);
}

async function drop(devices: ReturnType<typeof liveOthers>): Promise<string[]> {
  return (await devices.returning("id").execute()).map(({ id }) => id);
}

/** Writes down, of devices that were dropped, that it was because of one registered now. */
export async function auditDisplaced(
  ports: Pick<Ports, "ids">,
  tx: Transaction,
  {
    actor,
    ids,
    ...detail
  }: { actor: Actor; ids: string[]; reason: "device_limit" | "token_moved"; device: string },
): Promise<void> {
  const note = { actor: actorName(actor), action: "device.dropped", detail };
  await Promise.all(ids.map((subject) => appendAudit(ports, tx, { ...note, subject })));
}
