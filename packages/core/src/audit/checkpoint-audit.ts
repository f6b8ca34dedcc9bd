import { Readable } from "node:stream";
import type { Ports } from "../ports/ports.ts";
import { type Checkpoint, checkpointSha256, signCheckpoint } from "./checkpoint.ts";

type CheckpointPorts = Pick<Ports, "database" | "keys" | "objects" | "clock">;

/** The last checkpoint as receipts name it; null before the first. */
export async function lastCheckpoint(
  ports: Pick<Ports, "database">,
): Promise<{ sequence: number; sha256: string } | null> {
  const last = await ports.database.system
    .selectFrom("audit_checkpoint")
    .select(["sequence", "sha256"])
    .orderBy("sequence", "desc")
    .limit(1)
    .executeTakeFirst();
  return last ?? null;
}

/** Where checkpoints lie in the vault: written once, never changed. */
export const checkpointKey = (sequence: number): string =>
  `v/checkpoints/${String(sequence).padStart(12, "0")}`;

/** Signs one checkpoint over the heads of all tenants' chains, and keeps a copy in the vault before the row. */
export async function checkpointAudit(ports: CheckpointPorts): Promise<Checkpoint> {
  const last = await lastCheckpoint(ports);
  const heads = await ports.database.system
    .selectFrom("audit_head")
    .selectAll()
    .where("sequence", ">", 0)
    .execute();
  const checkpoint: Checkpoint = {
    sequence: (last?.sequence ?? 0) + 1,
    at: ports.clock.now().toISOString(),
    previousSha256: last?.sha256 ?? null,
    heads: heads.map(({ tenant_id, sequence, hash }) => ({ tenantId: tenant_id, sequence, hash })),
  };
  const jws = await signCheckpoint(ports.keys, checkpoint);
  await keepCopy(ports, checkpoint.sequence, jws);
  await ports.database.system
    .insertInto("audit_checkpoint")
    .values({
      sequence: checkpoint.sequence,
      at: new Date(checkpoint.at),
      sha256: checkpointSha256(checkpoint),
      jws,
    })
    .execute();
  return checkpoint;
}

/** A crash between copy and row leaves a copy without a row: the one that counts then lies beside it, named by its time. */
async function keepCopy(ports: CheckpointPorts, sequence: number, jws: string): Promise<void> {
  const bytes = Buffer.from(jws);
  const put = (key: string) =>
    ports.objects.put(key, Readable.from([bytes]), {
      sizeBytes: bytes.length,
      mediaType: "application/jose",
    });
  const { outcome } = await put(checkpointKey(sequence));
  if (outcome === "exists") await put(`${checkpointKey(sequence)}.${ports.clock.now().getTime()}`);
}
