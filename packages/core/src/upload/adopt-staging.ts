import { isAnyOf } from "../database/is-any-of.ts";
import { isOutage } from "../database/outage.ts";
import type { DocumentState } from "../document/document.ts";
import { findDocument } from "../document/load-document.ts";
import type { ListedObject } from "../ports/objects.ts";
import type { Ports } from "../ports/ports.ts";
import { removeBytes } from "../retention/remove-bytes.ts";
import { hasTombstone, type Owned } from "../retention/tombstone.ts";
import { tenantBatches } from "../tenant-batches.ts";
import { assembleDocument } from "./assemble-document.ts";
import { readStagedFile, type StagedFile } from "./grant-facts.ts";
import { type ReceivePorts, receiveDocument } from "./receive-document.ts";
import { parseStagingKey } from "./staging-key.ts";
import { writeAdopted } from "./write-adopted.ts";

/** What lies in staging below one document. */
type Staged = Owned & { objects: ListedObject[] };

/** So many documents are looked up in one statement. */
const batch = 200;

/** Whether pages may still be exchanged in this state. */
export const isWaiting = (state: DocumentState): boolean => state === "granted" || state === "expired";

/**
 * Takes in again what lies whole in staging and was forgotten by a restore of the database: documents that have no row, and
 * pages that were signed for a later version of their document than its row has. Nothing else looks like that, since rows
 * of documents are never deleted, versions only rise, and a URL is signed after its row was committed. Whatever has a
 * tombstone is removed instead. Idempotency key: the document and its version. Documents that cannot be taken in are kept,
 * and told each time. Answers how many documents were adopted.
 */
export async function adoptStaging(ports: ReceivePorts): Promise<number> {
  let adopted = 0;
  for await (const some of tenantBatches(stagedDocuments(ports), batch)) {
    for (const staged of await forgotten(ports, some)) if (await lookAndAdopt(ports, staged)) adopted += 1;
  }
  return adopted;
}

/** Keys come in order, document by document; what a list gave before it failed comes before its error. */
async function* stagedDocuments(ports: Pick<Ports, "objects">): AsyncGenerator<Staged> {
  let last = null as Staged | null; // else TypeScript holds it to be null for ever
  let damage: { error: unknown } | null = null;
  try {
    for await (const object of ports.objects.list("s/")) {
      const owned = parseStagingKey(object.key);
      if (!owned) continue;
      const { tenantId, documentId } = owned;
      if (last?.documentId === documentId && last.tenantId === tenantId) {
        last.objects.push(object);
        continue;
      }
      if (last) yield last;
      last = { tenantId, documentId, objects: [object] };
    }
  } catch (error) {
    damage = { error };
  }
  if (last) yield last;
  if (damage) throw damage.error;
}

/** Those of one tenant's documents that have no row, or still wait for pages, but not for these. */
async function forgotten(
  ports: Pick<Ports, "database">,
  some: readonly [Staged, ...Staged[]],
): Promise<Staged[]> {
  const [{ tenantId }] = some;
  const ids = some.map(({ documentId }) => documentId);
  const [documents, files] = await ports.database.withTenant(tenantId, (tx) =>
    Promise.all([
      tx
        .selectFrom("document")
        .select(["id", "state"])
        .where("tenant_id", "=", tenantId)
        .where(isAnyOf("id", ids))
        .execute(),
      tx
        .selectFrom("document_file")
        .select("staging_key")
        .where("tenant_id", "=", tenantId)
        .where(isAnyOf("document_id", ids))
        .execute(),
    ]),
  );
  const states = new Map(documents.map(({ id, state }) => [id, state]));
  const expected = new Set(files.map(({ staging_key }) => staging_key));
  return some.filter(({ documentId, objects }) => {
    const state = states.get(documentId);
    if (state === undefined) return true;
    return isWaiting(state) && objects.some(({ key }) => !expected.has(key));
  });
}

/** One that cannot be looked at is told, and does not keep the others behind it waiting. */
async function lookAndAdopt(ports: ReceivePorts, staged: Staged): Promise<boolean> {
  try {
    return await adopt(ports, staged);
  } catch (error) {
    if (isOutage(error)) throw error;
    const { tenantId, documentId } = staged;
    ports.log.error("staging.adopt_failed", { tenantId, documentId, error: error as Error });
    return false;
  }
}

async function adopt(ports: ReceivePorts, { objects, ...owned }: Staged): Promise<boolean> {
  if (await hasTombstone(ports, owned)) {
    const removed = await removeBytes(ports, owned);
    ports.log.warn("staging.erased_removed", { ...owned, removed });
    return false;
  }
  const heads = await Promise.all(objects.map(({ key }) => ports.objects.head(key)));
  const files = heads.flatMap((there) => (there && readStagedFile(there)) ?? []);
  const assembled = assembleDocument(files);
  const outcome = assembled
    ? await ports.database.withTenant(owned.tenantId, (tx) => writeAdopted(ports, tx, assembled))
    : await reasonOf(ports, owned, files);
  if (outcome === "known") return false;
  if (outcome !== "adopted") return tellKept(ports, owned, outcome);
  ports.log.warn("upload.adopted", { ...owned, files: files.length });
  await receiveDocument(ports, owned, "system:reconciler");
  return true;
}

/** Stray pages of a document that is known are nothing to tell of: they were dropped, or their grant was revived. */
async function reasonOf(ports: ReceivePorts, { tenantId, documentId }: Owned, files: StagedFile[]) {
  const row = await ports.database.withTenant(tenantId, (tx) => findDocument(tx, documentId));
  if (row && files.every(({ version }) => version <= row.version)) return "known";
  return files.length === 0 ? "no_facts" : "incomplete";
}

function tellKept(ports: Pick<Ports, "log">, owned: Owned, reason: string): false {
  ports.log.error("staging.not_adopted", { ...owned, reason });
  return false;
}
