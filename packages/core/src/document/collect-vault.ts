import * as z from "zod";
import { DocumentId, TenantId } from "../ids.ts";
import type { Ports } from "../ports/ports.ts";
import { hasTombstone } from "../retention/tombstone.ts";

type CollectPorts = Pick<Ports, "database" | "objects" | "config" | "clock" | "log">;

const Parts = z.tuple([
  z.literal("v"),
  z.string(),
  TenantId,
  DocumentId,
  z.string().regex(/^\d+$/).transform(Number),
  z.string(),
]);

/**
 * Removes what attempts left in the vault that lost: older than the grace, in no manifest, and not of an attempt that may
 * still hold its lease. What belongs to no document that the database knows stays for longer: rows are never deleted, so it
 * was restored, and a newer backup may hold the keys. Answers how many objects went, and tells how many are such.
 */
export async function collectVault(ports: CollectPorts): Promise<number> {
  let [removed, unknown] = [0, 0];
  const now = ports.clock.now().getTime();
  const [oldest, outlived] = [now - ports.config.periods.orphanGrace, now - backupLives(ports)];
  for await (const there of ports.objects.list("v/")) {
    const parts = Parts.safeParse(there.key.split("/"));
    if (!parts.success || there.modifiedAt.getTime() > oldest) continue;
    const [, , tenantId, documentId, token] = parts.data;
    if (await isWanted(ports, { tenantId, documentId, token, key: there.key })) continue;
    const mayReturn = there.modifiedAt.getTime() > outlived;
    if (mayReturn && (await isForgotten(ports, { tenantId, documentId }))) {
      unknown += 1;
      continue;
    }
    await ports.objects.remove(there.key, there.versionId);
    removed += 1;
  }
  if (unknown > 0) ports.log.error("vault.unknown_documents", { objects: unknown });
  return removed;
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

type Lying = { tenantId: TenantId; documentId: DocumentId; token: number; key: string };

/** One statement, one snapshot: an attempt that commits meanwhile is seen either at work or in the manifest, never in neither. */
async function isWanted(ports: CollectPorts, { tenantId, documentId, token, key }: Lying): Promise<boolean> {
  return await ports.database.withTenant(tenantId, async (tx) => {
    const listed = tx
      .selectFrom("artefact")
      .select("name")
      .where((eb) => eb.and({ tenant_id: tenantId, vault_key: key }));
    const working = tx
      .selectFrom("document")
      .select("id")
      .where((eb) =>
        eb.and({ tenant_id: tenantId, id: documentId, state: "processing", lease_token: token }),
      );
    const { wanted } = await tx
      .selectNoFrom((eb) => eb.or([eb.exists(listed), eb.exists(working)]).as("wanted"))
      .executeTakeFirstOrThrow();
    return Boolean(wanted);
  });
}
