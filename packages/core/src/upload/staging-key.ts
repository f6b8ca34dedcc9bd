import * as z from "zod";
import { DocumentId, FileId, type Ids, TenantId } from "../ids.ts";

/** Key of a staged file: made by the server, never by a client; the nonce makes it unguessable and its own each time. */
export function stagingKey(
  ids: Ids,
  owner: { tenantId: string; documentId: string; fileId: string },
): string {
  const nonce = Buffer.from(ids.random(16)).toString("hex");
  return `${stagingPrefix(owner)}${owner.fileId}/${nonce}`;
}

/** Below it lies all that was ever staged for a document. */
export const stagingPrefix = ({ tenantId, documentId }: { tenantId: string; documentId: string }): string =>
  `s/${tenantId}/${documentId}/`;

const Parts = z.tuple([z.literal("s"), TenantId, DocumentId, FileId, z.string().regex(/^[0-9a-f]{32}$/)]);

/** Whose file a staging key names; null when it is no such key. */
export function parseStagingKey(
  key: string,
): { tenantId: TenantId; documentId: DocumentId; fileId: FileId } | null {
  const parsed = Parts.safeParse(key.split("/"));
  if (!parsed.success) return null;
  const [, tenantId, documentId, fileId] = parsed.data;
  return { tenantId, documentId, fileId };
}
