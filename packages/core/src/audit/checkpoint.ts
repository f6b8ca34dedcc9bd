import { createHash } from "node:crypto";
import * as z from "zod";
import {
  type JwkSet,
  type JwsFault,
  type Signer,
  signCompact,
  verifyCompact,
} from "../receipt/compact-jws.ts";
import { canonicalJson } from "./canonical-json.ts";
import type { ChainHead } from "./chain.ts";

/** JWS type of a checkpoint. */
export const checkpointType = "strongroom-checkpoint+jwt";

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** The heads of all tenants' chains at one moment. */
export const Checkpoint = z.strictObject({
  /** Counts from 1. */
  sequence: z.int().positive(),
  at: z.iso.datetime({ precision: 3 }),
  /** `checkpointSha256` of the one before, so that none can be left out; null for the first. */
  previousSha256: sha256.nullable(),
  heads: z.array(z.strictObject({ tenantId: z.uuid(), sequence: z.int().positive(), hash: sha256 })),
});
export type Checkpoint = z.infer<typeof Checkpoint>;

/** The signed bytes: canonical JSON, heads in order of their tenants. Throws when a tenant comes twice or a fact is malformed. */
export function checkpointPayload(checkpoint: Checkpoint): Uint8Array {
  const facts = Checkpoint.parse(checkpoint);
  const heads = facts.heads.toSorted((a, b) => (a.tenantId < b.tenantId ? -1 : 1));
  const twice = heads.find((head, at) => head.tenantId === heads[at + 1]?.tenantId);
  if (twice) throw new Error(`tenant ${twice.tenantId} has two heads in one checkpoint`);
  return new TextEncoder().encode(canonicalJson({ ...facts, heads }));
}

/** SHA-256 of the signed bytes in hex: what receipts and the next checkpoint name it by. */
export function checkpointSha256(checkpoint: Checkpoint): string {
  return createHash("sha256").update(checkpointPayload(checkpoint)).digest("hex");
}

/** Signs a checkpoint: compact JWS, ES256, type `strongroom-checkpoint+jwt`. */
export async function signCheckpoint(keys: Signer, checkpoint: Checkpoint): Promise<string> {
  return signCompact(keys, checkpointType, checkpointPayload(checkpoint));
}

/** What `verifyCheckpoint` finds. */
export type CheckpointCheck =
  | { outcome: "valid"; checkpoint: Checkpoint }
  | { outcome: "invalid"; reason: JwsFault | "not_a_checkpoint" };

/** Verifies a signed checkpoint against the published keys. */
export async function verifyCheckpoint(jws: string, jwks: JwkSet): Promise<CheckpointCheck> {
  const check = await verifyCompact(jws, jwks, checkpointType);
  if (check.outcome === "invalid") return check;
  const checkpoint = parse(check.payload);
  return checkpoint ? { outcome: "valid", checkpoint } : { outcome: "invalid", reason: "not_a_checkpoint" };
}

function parse(payload: Uint8Array): Checkpoint | null {
  try {
    return Checkpoint.parse(JSON.parse(new TextDecoder().decode(payload)));
  } catch {
    return null;
  }
}

/** What a checkpoint holds a tenant's chain to; null when the tenant had no entry then. */
export function headIn(checkpoint: Checkpoint, tenantId: string): ChainHead | null {
  const head = checkpoint.heads.find((one) => one.tenantId === tenantId);
  return head ? { sequence: head.sequence, hash: head.hash } : null;
}
