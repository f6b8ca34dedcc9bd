import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import * as z from "zod";
import { DamagedObject } from "../errors.ts";
import { DocumentId, TenantId } from "../ids.ts";
import type { Ports } from "../ports/ports.ts";

/** Whose document: ids of one tenant mean nothing in another. */
export type Owned = { tenantId: TenantId; documentId: string };

/** What is kept of a decision to erase, where nobody can take it back. */
export const Tombstone = z.strictObject({
  tenant: z.uuid(),
  document: z.uuid(),
  /** When it was decided; the erasure follows, at the latest when the tombstone is replayed. */
  at: z.iso.datetime(),
  /** As in the audit trail: `user:<id>`. */
  by: z.string(),
});
export type Tombstone = z.infer<typeof Tombstone>;

/** Below it lies all that is kept of erasures. */
export const tombstoneArea = "t/";

/** Where the tombstone of a document lies, for good. */
export const tombstoneKey = ({ tenantId, documentId }: Owned): string =>
  `${tombstoneArea}${tenantId}/${documentId}/tombstone`;

/** Where the certificate of its erasure lies, beside the tombstone. */
export const certificateKey = ({ tenantId, documentId }: Owned): string =>
  `${tombstoneArea}${tenantId}/${documentId}/certificate`;

const Parts = z.tuple([z.literal("t"), TenantId, DocumentId, z.literal("tombstone")]);

/** Whose tombstone a key names; null when it is no such key. */
export function parseTombstoneKey(key: string): Owned | null {
  const parsed = Parts.safeParse(key.split("/"));
  return parsed.success ? { tenantId: parsed.data[1], documentId: parsed.data[2] } : null;
}

/** Writes a tombstone, once, and reads it back; answers the first one that was written, ours or another's. */
export async function writeTombstone(
  ports: Pick<Ports, "objects">,
  owned: Owned,
  { at, by }: { at: Date; by: string },
): Promise<Tombstone> {
  const tombstone: Tombstone = {
    tenant: owned.tenantId,
    document: owned.documentId,
    at: at.toISOString(),
    by,
  };
  await keepText(ports, tombstoneKey(owned), JSON.stringify(tombstone), "application/json");
  return await readTombstone(ports, owned);
}

/** The tombstone of a document; throws when there is none, and `DamagedObject` when it is none of ours, or another's. */
export async function readTombstone(ports: Pick<Ports, "objects">, owned: Owned): Promise<Tombstone> {
  const key = tombstoneKey(owned);
  const content = await text(await ports.objects.read(key));
  try {
    const tombstone = Tombstone.parse(JSON.parse(content));
    if (tombstone.tenant === owned.tenantId && tombstone.document === owned.documentId) return tombstone;
    throw new Error("it is the tombstone of another document");
  } catch (cause) {
    throw new DamagedObject(key, { cause });
  }
}

/** Whether an erasure has begun: from then on it cannot be taken back. */
export async function hasTombstone(ports: Pick<Ports, "objects">, owned: Owned): Promise<boolean> {
  return (await ports.objects.head(tombstoneKey(owned))) !== null;
}

/** Keeps a text under a key that is written once; what lies there afterwards is the first one's. */
export async function keepText(
  ports: Pick<Ports, "objects">,
  key: string,
  content: string,
  mediaType: string,
): Promise<void> {
  const bytes = Buffer.from(content);
  await ports.objects.put(key, Readable.from([bytes]), { sizeBytes: bytes.length, mediaType });
}
