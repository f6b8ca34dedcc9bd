import { containFaults } from "../database/contain-faults.ts";
import { isAnyOf } from "../database/is-any-of.ts";
import type { Ports } from "../ports/ports.ts";
import { tenantBatches } from "../tenant-batches.ts";
import { takeFromWorker } from "./erase-begun.ts";
import { eraseRows } from "./erase-rows.ts";
import { lockStanding } from "./standing.ts";
import { removeBytes } from "./remove-bytes.ts";
import { type Owned, parseTombstoneKey, readTombstone, tombstoneArea } from "./tombstone.ts";

type ReplayPorts = Pick<Ports, "database" | "objects" | "ids" | "config" | "log">;

const actor = "system:tombstones";
/** So many tombstones are looked up in one statement. */
const batch = 500;

/**
 * Erases every document that has a tombstone and is not erased: a restore brought it back, or an erasure died before its
 * commit. Comes before a restored system serves anybody. Neither a hold nor a worker stops it, since both are older than the
 * decision, or came back with the restore. Answers how many documents were erased. One that cannot be is told, and the
 * others are erased all the same; then it throws, and nobody is served.
 */
export async function replayTombstones(ports: ReplayPorts): Promise<number> {
  let erased = 0;
  const each = containFaults<Owned>((owned, error) =>
    ports.log.error("tombstone.replay_failed", { ...owned, error }),
  );
  for await (const tombstones of tenantBatches(allTombstones(ports), batch)) {
    for (const owned of await standing(ports, tombstones))
      if (await each.did(owned, () => eraseAgain(ports, owned))) erased += 1;
  }
  each.end();
  return erased;
}

async function* allTombstones(ports: Pick<Ports, "objects">): AsyncGenerator<Owned> {
  for await (const { key } of ports.objects.list(tombstoneArea)) {
    const owned = parseTombstoneKey(key);
    if (owned) yield owned;
  }
}

async function standing(ports: ReplayPorts, tombstones: [Owned, ...Owned[]]): Promise<Owned[]> {
  const [{ tenantId }] = tombstones;
  const ids = tombstones.map(({ documentId }) => documentId);
  const rows = await ports.database.withTenant(tenantId, (tx) =>
    tx
      .selectFrom("document")
      .select("id")
      .where("tenant_id", "=", tenantId)
      .where(isAnyOf("id", ids))
      .where("state", "<>", "erased")
      .orderBy("id")
      .execute(),
  );
  return rows.map(({ id }) => ({ tenantId, documentId: id }));
}

async function eraseAgain(ports: ReplayPorts, owned: Owned): Promise<boolean> {
  const { by: requestedBy } = await readTombstone(ports, owned);
  const erased = await ports.database.withTenant(owned.tenantId, async (tx) => {
    const found = await lockStanding(tx, owned.documentId);
    if (!found || found.state === "erased") return false;
    const { documentId } = owned;
    if (found.state === "processing") await takeFromWorker(ports, tx, { documentId, actor });
    await eraseRows(ports, tx, { documentId, actor, requestedBy });
    return true;
  });
  if (!erased) return false;
  const removed = await removeBytes(ports, owned);
  ports.log.info("document.erased", { ...owned, removed, replayed: true });
  return true;
}
