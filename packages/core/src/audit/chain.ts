import { createHash } from "node:crypto";
import * as z from "zod";
import { canonicalJson, type Json } from "./canonical-json.ts";

/** Something that somebody did, as it is appended; `detail` holds ids, hashes and sizes, never contents. */
export const AuditEntry = z.strictObject({
  tenantId: z.uuid(),
  id: z.uuid(),
  /** ISO 8601 UTC with milliseconds: a database that keeps more would give back another text. */
  at: z.iso.datetime({ precision: 3 }),
  actor: z.string(),
  /** The use-case's word, as `document.read`. */
  action: z.string(),
  subject: z.string(),
  detail: z.record(z.string(), z.json()),
});
export type AuditEntry = z.infer<typeof AuditEntry>;

/** An entry with its place: `sequence` counts from 1 without gaps within a tenant; hashes are 64 lower-case hex digits. */
export type ChainedEntry = { sequence: number; previousHash: string; hash: string; entry: AuditEntry };

/** Where a tenant's chain stands; sequence 0 is a chain without entries. */
export type ChainHead = { sequence: number; hash: string };

/** Head of a chain that has no entry yet. */
export const emptyChain: ChainHead = { sequence: 0, hash: "0".repeat(64) };

/** Hash of an entry in its place: SHA-256 of the canonical JSON of `["strongroom-audit-1", previousHash, sequence, entry]`. */
export function link(previousHash: string, sequence: number, entry: AuditEntry): string {
  // A copy by name: a row from the database may carry more columns than the chain covers.
  const { tenantId, id, at, actor, action, subject, detail } = entry;
  const covered: Json = { tenantId, id, at, actor, action, subject, detail };
  return createHash("sha256")
    .update(canonicalJson(["strongroom-audit-1", previousHash, sequence, covered]))
    .digest("hex");
}

/** Appends an entry to a chain. */
export function chain(head: ChainHead, entry: AuditEntry): ChainedEntry {
  const sequence = head.sequence + 1;
  return { sequence, previousHash: head.hash, hash: link(head.hash, sequence, entry), entry };
}

/**
 * What is wrong with a chain, at the first sequence that does not hold.
 * `missing`: a number is skipped, or the chain ends before the checkpoint; `misplaced`: a number comes twice or too late;
 * `foreign`: another tenant's entry; `unlinked`: it does not follow on the entry before; `edited`: its own hash does not fit;
 * `rewritten`: all fits, but the signed checkpoint saw another history.
 */
export type ChainFault = "missing" | "misplaced" | "foreign" | "unlinked" | "edited" | "rewritten";

/** What `verifyChain` finds. */
export type ChainCheck =
  | { outcome: "intact"; head: ChainHead }
  | { outcome: "broken"; sequence: number; fault: ChainFault };

/**
 * Follows one tenant's chain from its first entry, in the order in which the rows are given.
 * Entries after the checkpoint can be cut off unnoticed: that window is as long as the time between checkpoints.
 */
export function verifyChain(rows: Iterable<ChainedEntry>, checkpoint: ChainHead | null = null): ChainCheck {
  let head = emptyChain;
  let tenantId: string | null = null;
  for (const row of rows) {
    tenantId ??= row.entry.tenantId;
    const fault = row.entry.tenantId === tenantId ? faultOf(head, row) : "foreign";
    if (fault) return { outcome: "broken", sequence: head.sequence + 1, fault };
    head = { sequence: row.sequence, hash: row.hash };
    if (head.sequence === checkpoint?.sequence && head.hash !== checkpoint.hash) {
      return { outcome: "broken", sequence: head.sequence, fault: "rewritten" };
    }
  }
  const isCut = checkpoint !== null && checkpoint.sequence > head.sequence;
  if (isCut) return { outcome: "broken", sequence: head.sequence + 1, fault: "missing" };
  return { outcome: "intact", head };
}

function faultOf(head: ChainHead, row: ChainedEntry): ChainFault | null {
  if (row.sequence > head.sequence + 1) return "missing";
  if (row.sequence !== head.sequence + 1) return "misplaced";
  if (row.previousHash !== head.hash) return "unlinked";
  return row.hash === link(head.hash, row.sequence, row.entry) ? null : "edited";
}
