import type { JwkSet, JwsFault } from "../receipt/compact-jws.ts";
import { type ChainedEntry, type ChainFault, verifyChain } from "./chain.ts";
import { type Checkpoint, checkpointSha256, headIn, verifyCheckpoint } from "./checkpoint.ts";

/** What an auditor has at hand: one tenant's trail, signed checkpoints from their locked place, the published keys. */
export type AuditEvidence = {
  tenantId: string;
  entries: ChainedEntry[];
  /** Compact JWS, in any order. */
  checkpoints: string[];
  jwks: JwkSet;
};

/**
 * Why a checkpoint does not hold. `missing`: the ones before and after are there; `unlinked`: it does not follow on the one
 * before.
 */
export type CheckpointFault = JwsFault | "not_a_checkpoint" | "missing" | "unlinked";

/**
 * What `verifyAudit` finds. `proven` counts entries that a checkpoint vouches for: whatever comes later can be cut off unnoticed.
 * `unproven`: the trail holds in itself, but no checkpoint vouches for any of it, and whoever edits can hash anew.
 */
export type AuditCheck =
  | { outcome: "intact"; entries: number; proven: number; checkpoint: { sequence: number; at: string } }
  | { outcome: "unproven"; entries: number }
  | { outcome: "broken"; what: "entry"; sequence: number; fault: ChainFault }
  | { outcome: "broken"; what: "checkpoint"; sequence: number | null; fault: CheckpointFault };

/** Follows a tenant's chain from its first entry to its last and holds it to every checkpoint. Works offline. */
export async function verifyAudit({
  tenantId,
  entries,
  checkpoints,
  jwks,
}: AuditEvidence): Promise<AuditCheck> {
  const verified = await verifyCheckpoints(checkpoints, jwks);
  if (!Array.isArray(verified)) return verified;
  for (const checkpoint of [null, ...verified]) {
    const head = checkpoint && headIn(checkpoint, tenantId);
    if (checkpoint && !head) continue;
    const check = head ? meets(entries, head) : verifyChain(entries);
    if (check?.outcome === "broken") return { ...check, what: "entry" };
  }
  const foreign = entries.find(({ entry }) => entry.tenantId !== tenantId);
  if (foreign) return { outcome: "broken", what: "entry", sequence: foreign.sequence, fault: "foreign" };
  const last = verified.findLast((checkpoint) => headIn(checkpoint, tenantId) !== null);
  if (!last) return { outcome: "unproven", entries: entries.length };
  const { sequence, at } = last;
  const proven = headIn(last, tenantId)!.sequence;
  return { outcome: "intact", entries: entries.length, proven, checkpoint: { sequence, at } };
}

type Broken = { outcome: "broken"; sequence: number; fault: ChainFault };

/** The chain itself holds by now: entry n stands at place n. */
function meets(entries: ChainedEntry[], head: { sequence: number; hash: string }): Broken | null {
  const entry = entries[head.sequence - 1];
  if (!entry) return { outcome: "broken", sequence: entries.length + 1, fault: "missing" };
  return entry.hash === head.hash ? null : { outcome: "broken", sequence: head.sequence, fault: "rewritten" };
}

/** In order. Two of one number may lie there, when a crash came between the copy and its row: both were signed. */
async function verifyCheckpoints(
  texts: string[],
  jwks: JwkSet,
): Promise<Checkpoint[] | Extract<AuditCheck, { what: "checkpoint" }>> {
  const all: Checkpoint[] = [];
  for (const jws of texts) {
    const check = await verifyCheckpoint(jws, jwks);
    if (check.outcome === "invalid")
      return { outcome: "broken", what: "checkpoint", sequence: null, fault: check.reason };
    all.push(check.checkpoint);
  }
  all.sort((one, other) => one.sequence - other.sequence);
  const bySequence = Map.groupBy(all, ({ sequence }) => sequence);
  for (const checkpoint of all) {
    const before = bySequence.get(checkpoint.sequence - 1);
    if (!before && checkpoint.sequence > all[0]!.sequence)
      return { outcome: "broken", what: "checkpoint", sequence: checkpoint.sequence - 1, fault: "missing" };
    if (before && !before.some((one) => checkpointSha256(one) === checkpoint.previousSha256))
      return { outcome: "broken", what: "checkpoint", sequence: checkpoint.sequence, fault: "unlinked" };
  }
  return all;
}
