import { once } from "node:events";
import { createHash } from "node:crypto";
import { addAbortSignal } from "node:stream";
import { type Selectable, sql } from "kysely";
import { appendAudit } from "../audit/append-audit.ts";
import { ago } from "../database/ago.ts";
import { isOutage } from "../database/outage.ts";
import type { Tables } from "../database/tables.ts";
import { readObject } from "../document/read-object.ts";
import { dataKeyContext } from "../document/seal-document.ts";
import { openSealed } from "../document/sealing.ts";
import { DocumentId, TenantId } from "../ids.ts";
import type { Ports } from "../ports/ports.ts";

type FixityPorts = Pick<Ports, "database" | "objects" | "keys" | "ids" | "log" | "config">;
type Artefact = Selectable<Tables["artefact"]>;
type Round = { atMost: number; signal?: AbortSignal };

/**
 * What may be wrong with a sealed object: gone, shorter or longer, other bytes, not to be read, a data key that does not
 * open for this document, or a message that does not open to what the manifest says.
 */
export type FixityFault = "missing" | "length" | "sha256" | "unreadable" | "key" | "content";
/** What became of a document's check; `skipped`: it is not stored any more, so nothing is to be said of it. */
export type FixityFound = FixityFault | "intact" | "skipped";

/**
 * One round: reads back the sealed objects of stored documents, those first whose last check is longest ago, at most
 * `atMost` of them. Due is what was not checked for the period `fixity` since it was stored; a fault is looked at again after
 * `fixityFault`. Never changes a document; a fault is written into the audit trail and logged as an error. Throws when
 * database, store or keys do not answer, or when the signal aborts in the middle of a document: then nothing is said of the
 * one that was in hand.
 */
export async function checkFixity(
  ports: FixityPorts,
  { atMost, signal = new AbortController().signal }: Round,
): Promise<FixityFound[]> {
  const found: FixityFound[] = [];
  for (const due of await listDue(ports, atMost)) {
    if (signal.aborted) break;
    found.push(await checkDocument(ports, due, signal));
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

type Due = { tenantId: TenantId; documentId: DocumentId };

/** Known faults first: they are few, and somebody waits to hear that a restored object is well. */
async function listDue(ports: FixityPorts, atMost: number): Promise<Due[]> {
  const { fixity, fixityFault } = ports.config.periods;
  const stored = () =>
    ports.database.system.selectFrom("document").select(["tenant_id", "id"]).where("state", "=", "stored");
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

async function checkDocument(ports: FixityPorts, due: Due, signal: AbortSignal): Promise<FixityFound> {
  const manifest = await loadManifest(ports, due);
  if (manifest === null) return "skipped";
  const { attempt, wrapped, artefacts } = manifest;
  const dataKey = await openKey(ports, due, { wrapped, attempt });
  const faults: { artefact: string; fault: FixityFault }[] = [];
  try {
    for (const artefact of artefacts) {
      const fault = dataKey === null ? "key" : await checkObject(ports, artefact, dataKey, signal);
      if (fault !== null) faults.push({ artefact: artefact.name, fault });
    }
  } finally {
    dataKey?.fill(0);
  }
  return await record(ports, due, attempt, faults);
}

async function loadManifest(ports: FixityPorts, { tenantId, documentId }: Due) {
  return await ports.database.withTenant(tenantId, async (tx) => {
    const [key, artefacts] = await Promise.all([
      tx
        .selectFrom("document_key")
        .innerJoin("document", "document.id", "document_key.document_id")
        .select(["document_key.attempt", "document_key.wrapped"])
        .where("document_key.tenant_id", "=", tenantId)
        .where("document.tenant_id", "=", tenantId)
        .where("document.id", "=", documentId)
        .where("document.state", "=", "stored")
        .executeTakeFirst(),
      tx
        .selectFrom("artefact")
        .selectAll()
        .where((eb) => eb.and({ tenant_id: tenantId, document_id: documentId }))
        .orderBy("name")
        .execute(),
    ]);
    return key ? { ...key, artefacts } : null;
  });
}

async function openKey(
  ports: FixityPorts,
  { tenantId, documentId }: Due,
  { wrapped, attempt }: { wrapped: Buffer; attempt: number },
): Promise<Uint8Array | null> {
  try {
    return await ports.keys.openDataKey(wrapped, dataKeyContext(tenantId, documentId, attempt));
  } catch (error) {
    if (isNotTheDocuments(error)) throw error;
    ports.log.warn("fixity.key_refused", { documentId, error: error as Error });
    return null;
  }
}

/** A service that is down, throttles or refuses us tells nothing of the document. */
function isNotTheDocuments(error: unknown): boolean {
  type Known = { name?: string; $metadata?: { httpStatusCode?: number } };
  const { name = "", $metadata } = error as Known;
  if ($metadata?.httpStatusCode === 403) return true;
  return isOutage(error) || /Throttl|Timeout|AccessDenied|Expired|Unrecognized/.test(name);
}

/** What is wrong with one object. A read that breaks is tried once more before it is called a fault. */
async function checkObject(
  ports: FixityPorts,
  artefact: Artefact,
  dataKey: Uint8Array,
  signal: AbortSignal,
): Promise<FixityFault | null> {
  for (let tries = 1; ; tries += 1) {
    try {
      const head = await ports.objects.head(artefact.vault_key);
      if (head === null) return "missing";
      if (head.sizeBytes !== artefact.sealed_size_bytes) return "length";
      return await readBack(ports, artefact, dataKey, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (isNotTheDocuments(error)) throw error;
      if (tries === 2) return "unreadable";
    }
  }
}

/** Reads once: hashes what is sealed and opens it on the way; rejects when the store breaks off. */
async function readBack(
  ports: FixityPorts,
  artefact: Artefact,
  dataKey: Uint8Array,
  signal: AbortSignal,
): Promise<FixityFault | null> {
  const digest = createHash("sha256");
  const opening = openFor(artefact, dataKey);
  const opened = drain(opening);
  let sizeBytes = 0;
  try {
    const source = addAbortSignal(signal, await readObject(ports, artefact.vault_key, signal));
    for await (const chunk of source) {
      const sealed = chunk as Uint8Array;
      digest.update(sealed);
      sizeBytes += sealed.byteLength;
      // What does not open is hashed all the same, so that the fault gets its right name.
      if (!opening.destroyed && !opening.write(sealed))
        await Promise.race([once(opening, "drain").catch(() => {}), opened]);
    }
    opening.end();
    const opens = await opened;
    if (sizeBytes !== artefact.sealed_size_bytes) return "length";
    if (digest.digest("hex") !== artefact.sealed_sha256) return "sha256";
    return opens ? null : "content";
  } finally {
    opening.destroy();
  }
}

function openFor(artefact: Artefact, dataKey: Uint8Array) {
  const { tenant_id: tenantId, document_id: documentId, name, attempt } = artefact;
  return openSealed({ tenantId, documentId, artefact: name, attempt: String(attempt) }, dataKey, {
    sizeBytes: artefact.size_bytes,
    sha256: artefact.sha256,
    sealedSizeBytes: artefact.sealed_size_bytes,
  });
}

/** Whether the stream came to its end; nobody keeps what it gives. */
async function drain(stream: ReturnType<typeof openFor>): Promise<boolean> {
  try {
    for await (const plaintext of stream) (plaintext as Uint8Array).fill(0);
    return true;
  } catch {
    return false;
  }
}

type Fault = { artefact: string; fault: FixityFault };

/** Counts only while the document is stored under the same key: one that was erased meanwhile has every right to be gone. */
async function record(
  ports: FixityPorts,
  { tenantId, documentId }: Due,
  attempt: number,
  faults: Fault[],
): Promise<FixityFound> {
  const fault = faults.map((one) => `${one.artefact}: ${one.fault}`).join(", ") || null;
  const isStill = await ports.database.withTenant(tenantId, async (tx) => {
    const rows = await tx
      .updateTable("document")
      .set({ fixity_checked_at: sql`clock_timestamp()`, fixity_fault: fault })
      .where((eb) => eb.and({ tenant_id: tenantId, id: documentId, state: "stored" }))
      .where((eb) =>
        eb.exists(
          eb
            .selectFrom("document_key")
            .select("attempt")
            .where((key) => key.and({ tenant_id: tenantId, document_id: documentId, attempt })),
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
