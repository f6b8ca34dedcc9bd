import * as z from "zod";
import { containFaults } from "../database/contain-faults.ts";
import { isAnyOf } from "../database/is-any-of.ts";
import { DocumentId, TenantId } from "../ids.ts";
import type { ListedObject } from "../ports/objects.ts";
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
/** When its time is over, a sweep has half as much again for what it has listed: a tenant with little would never be looked at else. */
const lastShare = 1.5;

/**
 * Removes what attempts left in the vault that lost: older than the grace, in no manifest, and not of an attempt that may
 * still hold its lease. What belongs to no document that the database knows, or to an attempt after the last that it knows,
 * stays for longer: rows are never deleted and a claim is committed before its first object, so the database was restored, and
 * a newer backup may hold the keys; with a tombstone it goes, since what was erased comes back with none.
 * A vault that is too large for one sweep is looked at in parts. Answers how many objects went, and tells how many are kept
 * as such. Throws when one could not be looked at or removed, after all the others were.
 */
export async function collectVault(ports: CollectPorts): Promise<number> {
  let [removed, unknown] = [0, 0];
  const { sweepVault } = ports.config.periods;
  const startedMs = ports.clock.monotonicMs();
  const outlived = ports.clock.now().getTime() - backupLives(ports);
  const each = containFaults<Left>(({ key }, error) =>
    ports.log.error("vault.collect_failed", { key, error }),
  );
  let isOver = false;
  for await (const lying of tenantBatches(
    pastGrace(ports, () => isOver),
    batch,
  )) {
    for (const one of await unwanted(ports, lying)) {
      const mayReturn = !one.isKnown && one.modifiedAt.getTime() > outlived;
      const isGone = await each.did(one, async () => {
        if (mayReturn && !(await hasTombstone(ports, one))) {
          unknown += 1;
          return false;
        }
        await ports.objects.remove(one.key, one.versionId);
        return true;
      });
      if (isGone) removed += 1;
    }
    const tookMs = ports.clock.monotonicMs() - startedMs;
    isOver = tookMs >= sweepVault;
    if (tookMs <= sweepVault * lastShare) continue;
    tellPart(ports, lying.at(-1)!.key);
    break;
  }
  if (unknown > 0) ports.log.error("vault.unknown_documents", { objects: unknown });
  each.end();
  return removed;
}

async function* pastGrace(ports: CollectPorts, isOver: () => boolean): AsyncGenerator<Left> {
  const oldest = ports.clock.now().getTime() - ports.config.periods.orphanGrace;
  for await (const { key, versionId, modifiedAt } of listFrom(ports, startOf(ports))) {
    if (isOver()) return tellPart(ports, key);
    const parts = Parts.safeParse(key.split("/"));
    if (!parts.success || modifiedAt.getTime() > oldest) continue;
    const [, , tenantId, documentId, token] = parts.data;
    yield { tenantId, documentId, token, key, versionId, modifiedAt };
  }
}

const tellPart = (ports: CollectPorts, until: string): void =>
  ports.log.info("vault.swept_in_part", { from: startOf(ports), until });

/**
 * Each sweep begins elsewhere, a golden section of the vault further on, so that sweeps which see a part of it leave no part
 * out for long: n sweeps in a row begin at most 2 / n of it apart.
 */
function startOf({ clock, config }: CollectPorts): string {
  const sweeps = Math.floor(clock.now().getTime() / config.periods.sweep);
  const spread = Math.floor(((sweeps * goldenSection) % 1) * 256);
  return `v/${spread.toString(16).padStart(2, "0")}/`;
}

const goldenSection = (Math.sqrt(5) - 1) / 2;

/** All of the vault, from there to its end and then up to there; a damaged object fails its list when both were gone through. */
async function* listFrom({ objects }: CollectPorts, start: string): AsyncGenerator<ListedObject> {
  let damage: { error: unknown } | null = null;
  try {
    yield* objects.list("v/", { after: start });
  } catch (error) {
    damage = { error };
  }
  yield* objects.list("v/", { upTo: start });
  if (damage) throw damage.error;
}

/** Written at most one backup's life before the restore, and known to a backup for at most one life after it. */
const backupLives = ({ config }: CollectPorts): number => 2 * config.backupDays * 24 * 60 * 60 * 1000;

/** Those of one tenant's objects that no attempt at work and no manifest wants, and whether the database knows their attempts. */
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
    const isKnown = row !== undefined && Number(one.token) <= (row.lease_token ?? 0);
    return manifests.has(one.key) || isAtWork ? [] : [{ ...one, isKnown }];
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
