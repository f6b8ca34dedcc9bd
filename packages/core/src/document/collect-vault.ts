import * as z from "zod";
import { DocumentId, TenantId } from "../ids.ts";
import type { Ports } from "../ports/ports.ts";
import { hasTombstone } from "../retention/tombstone.ts";
import { tenantBatches } from "../tenant-batches.ts";

type CollectPorts = Pick<Ports, "database" | "objects" | "config" | "clock" | "log">;

const Parts = z.tuple([
  z.literal("v"),
  z.string(),
  TenantId,
  DocumentId,
  z.string().regex(/^\d+$/),
  z.string(),
]);

/** A sealed object, and the attempt that left it. */
type Lying = {
  tenantId: TenantId;
  documentId: DocumentId;
  token: string;
  key: string;
  versionId: string;
  modifiedAt: Date;
};

/** So many objects are looked up at once. */
const batch = 200;

/**
 * Removes what attempts left in the vault that lost: older than the grace, in no manifest, and not of an attempt that may
 * still hold its lease. What belongs to no document that the database knows stays for longer: rows are never deleted, so it
 * was restored, and a newer backup may hold the keys. Answers how many objects went, and tells how many are such.
 */
export async function collectVault(ports: CollectPorts): Promise<number> {
  let [removed, unknown] = [0, 0];
  const outlived = ports.clock.now().getTime() - backupLives(ports);
  for await (const lying of tenantBatches(pastGrace(ports), batch)) {
    for (const one of await unwanted(ports, lying)) {
      const mayReturn = one.modifiedAt.getTime() > outlived;
      if (mayReturn && (await isForgotten(ports, one))) {
        unknown += 1;
        continue;
      }
      await ports.objects.remove(one.key, one.versionId);
      removed += 1;
    }
  }
  if (unknown > 0) ports.log.error("vault.unknown_documents", { objects: unknown });
  return removed;
}

/** Keys begin with a piece of the document's hash: a tenant's documents lie apart, each with its objects beside it. */
async function* pastGrace(ports: CollectPorts): AsyncGenerator<Lying> {
  const oldest = ports.clock.now().getTime() - ports.config.periods.orphanGrace;
  for await (const { key, versionId, modifiedAt } of ports.objects.list("v/")) {
    const parts = Parts.safeParse(key.split("/"));
    if (!parts.success || modifiedAt.getTime() > oldest) continue;
    const [, , tenantId, documentId, token] = parts.data;
    yield { tenantId, documentId, token, key, versionId, modifiedAt };
  }
}

/** Written at most one backup's life before the restore, and known to a backup for at most one life after it. */
const backupLives = ({ config }: CollectPorts): number => 2 * config.backupDays * 24 * 60 * 60 * 1000;

/** No row, and no tombstone either: what was erased comes back with no backup. */
async function isForgotten(
  ports: CollectPorts,
  owned: Pick<Lying, "tenantId" | "documentId">,
): Promise<boolean> {
  const { tenantId, documentId } = owned;
  const row = await ports.database.withTenant(tenantId, (tx) =>
    tx
      .selectFrom("document")
      .select("id")
      .where((eb) => eb.and({ tenant_id: tenantId, id: documentId }))
      .executeTakeFirst(),
  );
  return row === undefined && !(await hasTombstone(ports, owned));
}

/** Those of one tenant's objects that no attempt at work and no manifest wants. */
async function unwanted(ports: CollectPorts, [first, ...others]: [Lying, ...Lying[]]): Promise<Lying[]> {
  const { tenantId } = first;
  const lying = [first, ...others];
  // In this order: an attempt that commits meanwhile is seen at work, or else in the manifest, never in neither.
  const { working, listed } = await ports.database.withTenant(tenantId, async (tx) => ({
    working: await tx
      .selectFrom("document")
      .select(["id", "lease_token"])
      .where("tenant_id", "=", tenantId)
      .where("state", "=", "processing")
      .where("id", "in", [...new Set(lying.map(({ documentId }) => documentId))])
      .execute(),
    listed: await tx
      .selectFrom("artefact")
      .select("vault_key")
      .where("tenant_id", "=", tenantId)
      .where(
        "vault_key",
        "in",
        lying.map(({ key }) => key),
      )
      .execute(),
  }));
  const tokens = new Map(working.map(({ id, lease_token }) => [id, String(lease_token)]));
  const manifests = new Set(listed.map(({ vault_key }) => vault_key));
  return lying.filter(
    ({ documentId, token, key }) => !manifests.has(key) && tokens.get(documentId) !== token,
  );
}
