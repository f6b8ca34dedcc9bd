import { sql } from "kysely";
import { appendAudit } from "../audit/append-audit.ts";
import { ago } from "../database/ago.ts";
import { dataKeyContext } from "../document/seal-document.ts";
import { NotAsStored } from "../errors.ts";
import { DocumentId, TenantId } from "../ids.ts";
import type { Ports } from "../ports/ports.ts";
import { checkObject, isNotTheDocuments, type ObjectFault } from "./check-object.ts";

type FixityPorts = Pick<Ports, "database" | "objects" | "keys" | "ids" | "log" | "config">;
type Round = { atMost: number; signal?: AbortSignal };

/** What may be wrong with an artefact: its object, or a data key that is gone or does not open for this document. */
export type FixityFault = ObjectFault | "key";
/**
 * What became of a document's check; `skipped`: it is not stored any more, so nothing is to be said of it; `unchecked`: it could not be
 * looked at, by a fault that is not known for one of the document's, and nothing is said of it either.
 */
export type FixityFound = FixityFault | "intact" | "skipped" | "unchecked";

/**
 * One round: reads back the sealed objects of stored documents, those first whose last check is longest ago, at most
 * `atMost` of them. Due is what was not checked for the period `fixity` since it was stored; a fault is looked at again after
 * `fixityFault`, and so is one that could not be looked at, which is logged as an error. Never changes a document; a fault is
 * written into the audit trail and logged as an error. Throws when database, store or keys do not answer, or when the signal
 * aborts in the middle of a document: then nothing is said of the one that was in hand.
 */
export async function checkFixity(
  ports: FixityPorts,
  { atMost, signal = new AbortController().signal }: Round,
): Promise<FixityFound[]> {
  const found: FixityFound[] = [];
  for (const due of await listDue(ports, atMost)) {
    if (signal.aborted) break;
    found.push(await checkOrPutOff(ports, due, signal));
  }
  return found;
}

/** Milliseconds since the check of the stored document that was longest not checked; null when none is stored. */
export async function oldestFixityMs(ports: Pick<Ports, "database">): Promise<number | null> {
  const row = await ports.database.system
    .selectFrom("document")
    .select(sql<number>`(extract(epoch from clock_timestamp() - ${since}) * 1000)::float8`.as("ageMs"))
    .where("state", "=", "stored")
    .orderBy(since)
    .limit(1)
    .executeTakeFirst();
  return row ? Math.max(0, row.ageMs) : null;
}

const since = sql<Date>`coalesce(fixity_checked_at, settled_at)`;

/** Not of those that could not be looked at lately: they come first by the date of their check, and would take up every round. */
const notPutOff = (forMs: number) =>
  sql<boolean>`coalesce(rung_at, '-infinity') < greatest(${since}, ${ago(forMs)})`;

type Due = { tenantId: TenantId; documentId: DocumentId };

/** Known faults first: they are few, and somebody waits to hear that a restored object is well. */
async function listDue(ports: FixityPorts, atMost: number): Promise<Due[]> {
  const { fixity, fixityFault } = ports.config.periods;
  const stored = () =>
    ports.database.system
      .selectFrom("document")
      .select(["tenant_id", "id"])
      .where("state", "=", "stored")
      .where(notPutOff(fixityFault));
  const faulty = await stored()
    .where("fixity_fault", "is not", null)
    .where("fixity_checked_at", "<", ago(fixityFault))
    .orderBy("fixity_checked_at")
    .limit(atMost)
    .execute();
  const others = await stored()
    .where("fixity_fault", "is", null)
    .where(since, "<", ago(fixity))
    .orderBy(since)
    .limit(atMost - faulty.length)
    .execute();
  return [...faulty, ...others].map(({ tenant_id, id }) => ({
    tenantId: TenantId.parse(tenant_id),
    documentId: DocumentId.parse(id),
  }));
}

/** What is neither the document's fault nor everybody's keeps no other document from its check. */
async function checkOrPutOff(ports: FixityPorts, due: Due, signal: AbortSignal): Promise<FixityFound> {
  try {
    return await checkDocument(ports, due, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (isNotTheDocuments(error)) throw error;
    ports.log.error("fixity.not_checked", { ...due, error: error as Error });
    await putOff(ports, due);
    return "unchecked";
  }
}

async function putOff({ database }: FixityPorts, { tenantId, documentId }: Due): Promise<void> {
  await database.inOneTrip(tenantId, (tx) =>
    tx
      .updateTable("document")
      .set({ rung_at: sql`clock_timestamp()` })
      .where((eb) => eb.and({ tenant_id: tenantId, id: documentId, state: "stored" }))
      .execute(),
  );
}

async function checkDocument(ports: FixityPorts, due: Due, signal: AbortSignal): Promise<FixityFound> {
  const manifest = await loadManifest(ports, due);
  if (manifest === null) return "skipped";
  const { attempt, artefacts } = manifest;
  const dataKey = await openKey(ports, due, manifest);
  const faults: Fault[] = [];
  try {
    for (const [artefact, row] of artefacts) {
      const fault =
        dataKey === null ? "key" : row ? await checkObject(ports, row, dataKey, signal) : "missing";
      if (fault !== null) faults.push({ artefact, fault });
    }
  } finally {
    dataKey?.fill(0);
  }
  return await record(ports, due, attempt, faults);
}

/** Key and artefacts of a stored document, and the originals that its pages ought to have: a row that is gone is a fault, too. */
async function loadManifest(ports: FixityPorts, { tenantId, documentId }: Due) {
  return await ports.database.withTenant(tenantId, async (tx) => {
    const ofDocument = { tenant_id: tenantId, document_id: documentId };
    const [key, rows, files] = await Promise.all([
      tx
        .selectFrom("document")
        .leftJoin("document_key", (join) =>
          join
            .onRef("document_key.tenant_id", "=", "document.tenant_id")
            .onRef("document_key.document_id", "=", "document.id"),
        )
        .select(["document_key.attempt", "document_key.wrapped"])
        .where("document.tenant_id", "=", tenantId)
        .where("document.id", "=", documentId)
        .where("document.state", "=", "stored")
        .executeTakeFirst(),
      tx
        .selectFrom("artefact")
        .selectAll()
        .where((eb) => eb.and(ofDocument))
        .orderBy("name")
        .execute(),
      tx
        .selectFrom("document_file")
        .select("position")
        .where((eb) => eb.and(ofDocument))
        .execute(),
    ]);
    const artefacts = new Map<string, (typeof rows)[number] | null>(rows.map((row) => [row.name, row]));
    for (const position of [1, ...files.map((file) => file.position)]) {
      const original = `original-${position}`;
      if (!artefacts.has(original)) artefacts.set(original, null);
    }
    return key ? { ...key, artefacts } : null;
  });
}

async function openKey(
  ports: FixityPorts,
  { tenantId, documentId }: Due,
  { wrapped, attempt }: { wrapped: Buffer | null; attempt: number | null },
): Promise<Uint8Array | null> {
  if (wrapped === null || attempt === null) return null;
  try {
    return await ports.keys.openDataKey(wrapped, dataKeyContext(tenantId, documentId, attempt));
  } catch (error) {
    if (!(error instanceof NotAsStored)) throw error;
    ports.log.warn("fixity.key_refused", { documentId, error });
    return null;
  }
}

type Fault = { artefact: string; fault: FixityFault };

/** Counts only while the document is stored under the same key, or still without one: one that was erased meanwhile has every right to be gone. */
async function record(
  ports: FixityPorts,
  { tenantId, documentId }: Due,
  attempt: number | null,
  faults: Fault[],
): Promise<FixityFound> {
  const fault = faults.map((one) => `${one.artefact}: ${one.fault}`).join(", ") || null;
  const isStill = await ports.database.withTenant(tenantId, async (tx) => {
    const rows = await tx
      .updateTable("document")
      .set({ fixity_checked_at: sql`clock_timestamp()`, fixity_fault: fault })
      .where((eb) => eb.and({ tenant_id: tenantId, id: documentId, state: "stored" }))
      .where((eb) =>
        eb(
          eb
            .selectFrom("document_key")
            .select("attempt")
            .where((key) => key.and({ tenant_id: tenantId, document_id: documentId })),
          "is not distinct from",
          attempt,
        ),
      )
      .returning("id")
      .execute();
    if (rows.length > 0 && fault !== null)
      await appendAudit(ports, tx, {
        actor: "system:opener",
        action: "document.fixity_failed",
        subject: documentId,
        detail: { attempt, faults },
      });
    return rows.length > 0;
  });
  if (!isStill) return "skipped";
  if (fault === null) return "intact";
  ports.log.error("fixity.failed", { tenantId, documentId, attempt, fault });
  return faults[0]!.fault;
}
