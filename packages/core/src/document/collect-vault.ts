import * as z from "zod";
import { DocumentId, TenantId } from "../ids.ts";
import type { Ports } from "../ports/ports.ts";

type CollectPorts = Pick<Ports, "database" | "objects" | "config" | "clock">;

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
 * still hold its lease. Answers how many objects went.
 */
export async function collectVault(ports: CollectPorts): Promise<number> {
  let removed = 0;
  const oldest = ports.clock.now().getTime() - ports.config.periods.orphanGrace;
  for await (const there of ports.objects.list("v/")) {
    const parts = Parts.safeParse(there.key.split("/"));
    if (!parts.success || there.modifiedAt.getTime() > oldest) continue;
    const [, , tenantId, documentId, token] = parts.data;
    if (await isWanted(ports, { tenantId, documentId, token, key: there.key })) continue;
    await ports.objects.remove(there.key, there.versionId);
    removed += 1;
  }
  return removed;
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
