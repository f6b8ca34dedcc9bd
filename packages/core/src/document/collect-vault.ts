import * as z from "zod";
import { isAnyOf } from "../database/is-any-of.ts";
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
type Left = {
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
 * was restored, and a newer backup may hold the keys; with a tombstone it goes, since what was erased comes back with none.
 * Answers how many objects went, and tells how many are kept as such.
 */
export async function collectVault(ports: CollectPorts): Promise<number> {
  let [removed, unknown] = [0, 0];
  const outlived = ports.clock.now().getTime() - backupLives(ports);
  for await (const lying of tenantBatches(pastGrace(ports), batch)) {
    for (const one of await unwanted(ports, lying)) {
      const mayReturn = !one.isKnown && one.modifiedAt.getTime() > outlived;
      if (mayReturn && !(await hasTombstone(ports, one))) {
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

async function* pastGrace(ports: CollectPorts): AsyncGenerator<Left> {
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

/** Those of one tenant's objects that no attempt at work and no manifest wants, and whether their documents are known. */
async function unwanted(
  ports: CollectPorts,
  lying: [Left, ...Left[]],
): Promise<(Left & { isKnown: boolean })[]> {
  const { documents, listed } = await lookUp(ports, lying);
  const manifests = new Set(listed.map(({ vault_key }) => vault_key));
  const rows = new Map(documents.map((row) => [row.id, row]));
  return lying.flatMap((one) => {
    const row = rows.get(one.documentId);
    const isAtWork = row?.state === "processing" && String(row.lease_token) === one.token;
    return manifests.has(one.key) || isAtWork ? [] : [{ ...one, isKnown: row !== undefined }];
  });
}

/** In this order: an attempt that commits meanwhile is seen at work, or else in the manifest, never in neither. */
async function lookUp(ports: CollectPorts, lying: [Left, ...Left[]]) {
  const [{ tenantId }] = lying;
  const ids = [...new Set(lying.map(({ documentId }) => documentId))];
  const keys = lying.map(({ key }) => key);
  return await ports.database.withTenant(tenantId, async (tx) => ({
    documents: await tx
      .selectFrom("document")
      .select(["id", "state", "lease_token"])
      .where("tenant_id", "=", tenantId)
      .where(isAnyOf("id", ids))
      .execute(),
    listed: await tx
      .selectFrom("artefact")
      .select("vault_key")
      .where("tenant_id", "=", tenantId)
      .where(isAnyOf("vault_key", keys))
      .execute(),
  }));
}
