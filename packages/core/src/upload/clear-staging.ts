import { sql } from "kysely";
import { ago } from "../database/ago.ts";
import { type Contained, containFaults } from "../database/contain-faults.ts";
import type { DocumentState } from "../document/document.ts";
import { listFiles } from "../document/load-document.ts";
import { TenantId } from "../ids.ts";
import type { Database } from "../ports/database.ts";
import type { Ports } from "../ports/ports.ts";
import { isFree } from "../retention/holds.ts";
import { stepTime } from "../step-time.ts";
import { isWaiting } from "./adopt-staging.ts";
import { readStagedFile } from "./grant-facts.ts";
import { parseStagingKey } from "./staging-key.ts";

type ClearPorts = Pick<Ports, "database" | "objects" | "config" | "clock" | "log">;

/** How long staging is kept after a document came to rest, by the state it rests in. */
function keepMs({ config }: ClearPorts): Partial<Record<DocumentState, number>> {
  const { keepStored, keepRejected, keepExpired } = config.periods;
  return { stored: keepStored, archived: keepStored, rejected: keepRejected, expired: keepExpired };
}

/** So many are cleared at once: most of the time is spent on the way to the store. */
const atOnce = 10;

/**
 * Clears the staging of documents that came to rest long enough ago and are under no hold: of one that was never sealed it is
 * the only copy. Those due the longest come first, until the step's time is over. No other code deletes staged bytes of a known page. Throws when one could
 * not be cleared, after all the others were; what is left of it is the sweep's.
 */
export async function clearStaging(ports: ClearPorts): Promise<number> {
  const { isOver } = stepTime(ports);
  const each = containEach(ports);
  const due = await listDue(ports);
  let cleared = 0;
  for (let at = 0; at < due.length && !isOver(); at += atOnce) {
    const some = due.slice(at, at + atOnce);
    const ended = await Promise.allSettled(
      some.map((one) => each.did({ documentId: one.id }, () => clear(ports, one))),
    );
    cleared += ended.filter((end) => end.status === "fulfilled" && end.value).length;
    const away = ended.find((end) => end.status === "rejected"); // thrown when the others of the ten have ended, too
    if (away) throw away.reason;
  }
  each.end();
  return cleared;
}

type Due = { tenantId: TenantId; id: string; state: DocumentState; sinceMs: number };

/** In one order over all states: many of one that is kept for a day leave none behind of another that is kept for a week. */
async function listDue(ports: ClearPorts): Promise<Due[]> {
  const due: Due[] = [];
  for (const [state, ms] of Object.entries(keepMs(ports)) as [DocumentState, number][]) {
    for (const { tenant_id, id, settled_at } of await dueToClear(ports.database, state, ms).execute())
      due.push({ tenantId: TenantId.parse(tenant_id), id, state, sinceMs: settled_at!.getTime() + ms });
  }
  return due.toSorted((one, other) => one.sinceMs - other.sinceMs);
}

/** Those that came to rest in a state so long ago, longest ago first. */
export function dueToClear({ system }: Pick<Database, "system">, state: DocumentState, ms: number) {
  return system
    .selectFrom("document")
    .select(["tenant_id", "id", "settled_at"])
    .where("state", "=", state)
    .where("staging_cleared_at", "is", null)
    .where("settled_at", "<", ago(ms))
    .where(isFree)
    .orderBy("settled_at")
    .limit(1_000);
}

/** Of a document, or of what lies under one key: keys of staging are made of ids. */
type Cleared = { documentId: string } | { key: string };

function containEach({ log }: ClearPorts): Contained<Cleared> {
  return containFaults((cleared, error) => log.error("staging.clear_failed", { ...cleared, error }));
}

/** Marks first, under the state that was seen and no hold; then deletes the very keys that stood in the rows at that moment. */
async function clear(ports: ClearPorts, { tenantId, id, state }: Due): Promise<boolean> {
  const files = await ports.database.withTenant(tenantId, async (tx) => {
    const marked = await tx
      .updateTable("document")
      .set({ staging_cleared_at: sql`clock_timestamp()` })
      .where((eb) => eb.and({ tenant_id: tenantId, id, state }))
      .where("staging_cleared_at", "is", null)
      .where(isFree)
      .returning("id")
      .executeTakeFirst();
    return marked ? await listFiles(tx, id) : [];
  });
  for (const file of files) {
    if (file.upload_id) await ports.objects.abortParts(file.staging_key, file.upload_id);
    await removeKey(ports, file.staging_key);
  }
  return files.length > 0;
}

async function removeKey(ports: ClearPorts, key: string): Promise<void> {
  const there = await ports.objects.head(key);
  if (there) await ports.objects.remove(key, there.versionId);
}

/**
 * Removes what lies in staging for no page that is still expected: dropped pages, renewed keys, crashes between two steps.
 * Nothing of a document under a hold. Throws when something could not be looked at or removed, after all else was.
 */
export async function collectStaging(ports: ClearPorts): Promise<number> {
  const oldest = ports.clock.now().getTime() - ports.config.periods.keepExpired;
  // A damaged object fails its list at the end: the uploads are looked at all the same.
  const objects = await collectObjects(ports, oldest).catch((error: Error) => error);
  const uploads = await collectUploads(ports, oldest);
  if (objects instanceof Error) throw objects;
  return objects + uploads;
}

async function collectObjects(ports: ClearPorts, oldest: number): Promise<number> {
  let removed = 0;
  const each = containEach(ports);
  for await (const { key, versionId, modifiedAt } of ports.objects.list("s/")) {
    if (modifiedAt.getTime() > oldest) continue;
    const remove = () => ports.objects.remove(key, versionId);
    if (await each.did({ key }, () => unlessExpected(ports, key, remove))) removed += 1;
  }
  each.end();
  return removed;
}

async function collectUploads(ports: ClearPorts, oldest: number): Promise<number> {
  let removed = 0;
  const each = containEach(ports);
  for await (const { key, uploadId, startedAt } of ports.objects.listUploads("s/")) {
    if (startedAt.getTime() > oldest) continue;
    const abort = () => ports.objects.abortParts(key, uploadId);
    if (await each.did({ key }, () => unlessExpected(ports, key, abort))) removed += 1;
  }
  each.end();
  return removed;
}

async function unlessExpected(ports: ClearPorts, key: string, remove: () => Promise<void>): Promise<boolean> {
  if (await isExpected(ports, key)) return false;
  await remove();
  return true;
}

async function isExpected(ports: ClearPorts, key: string): Promise<boolean> {
  const owner = parseStagingKey(key);
  if (!owner) return false;
  const row = await ports.database.inOneTrip(owner.tenantId, (tx) =>
    tx
      .selectFrom("document_file")
      .innerJoin("document", (join) =>
        join
          .onRef("document.tenant_id", "=", "document_file.tenant_id")
          .onRef("document.id", "=", "document_file.document_id"),
      )
      .select(["document.staging_cleared_at", "document.state"])
      .where("document_file.tenant_id", "=", owner.tenantId)
      .where("document_file.document_id", "=", owner.documentId)
      .where("document_file.staging_key", "=", key)
      .executeTakeFirst(),
  );
  if (row?.staging_cleared_at === null && row.state !== "erased") return true;
  const known = await ports.database.inOneTrip(owner.tenantId, (tx) =>
    tx
      .selectFrom("document")
      .select(["state", "version", isFree.as("is_free")])
      .where("tenant_id", "=", owner.tenantId)
      .where("id", "=", owner.documentId)
      .executeTakeFirst(),
  );
  if (known) return !known.is_free || (isWaiting(known.state) && (await isNewer(ports, key, known.version)));
  // Rows of documents are never deleted: this is a restored database, and here lies perhaps the only copy.
  ports.log.error("staging.unknown_document", { tenantId: owner.tenantId, documentId: owner.documentId });
  return true;
}

/** Signed for a later version than the row has: a restored database, and `adoptStaging` tells why it could not be taken in. */
async function isNewer({ objects }: ClearPorts, key: string, version: number): Promise<boolean> {
  const there = await objects.head(key);
  const staged = there && readStagedFile(there);
  return staged !== null && staged.version > version;
}
