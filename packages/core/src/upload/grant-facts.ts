import * as z from "zod";
import type { DocumentFileRow, DocumentRow } from "../database/tables.ts";
import { DocumentId, FileId, TenantId, UserId } from "../ids.ts";
import type { ObjectFacts } from "../ports/objects.ts";
import { parseStagingKey } from "./staging-key.ts";

type OfDocument = Pick<
  DocumentRow,
  | "tenant_id"
  | "id"
  | "owner_id"
  | "kind"
  | "version"
  | "created_at"
  | "replaces"
  | "request_sha256"
  | "content_sha256"
>;
type OfFile = Pick<DocumentFileRow, "id" | "position" | "sha256" | "part_sha256">;

/**
 * The grant's facts, kept with the object, so that after a restore a document can be made of what lies in staging. Ids,
 * hashes and codes only: words of people would pass through headers and logs of others. Below S3's 2 KB.
 */
export function grantFacts(document: OfDocument, file: OfFile): Record<string, string> {
  return {
    tenant: document.tenant_id,
    document: document.id,
    file: file.id,
    owner: document.owner_id,
    kind: document.kind,
    position: String(file.position),
    granted: document.created_at.toISOString(),
    version: String(document.version),
    request: document.request_sha256,
    content: document.content_sha256,
    ...(document.replaces !== null && { replaces: document.replaces }),
    // Of what comes in parts, no store knows the hash of the whole, nor, once they are joined, those of the parts.
    ...(file.part_sha256 !== null && { sha256: file.sha256, parts: file.part_sha256.join(",") }),
  };
}

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const Facts = z.object({
  tenant: TenantId,
  document: DocumentId,
  file: FileId,
  owner: UserId,
  kind: z.string().min(1),
  position: z.coerce.number().int().min(1).max(50),
  granted: z.iso.datetime().transform((text) => new Date(text)),
  version: z.coerce.number().int().min(1),
  request: sha256,
  content: sha256,
  replaces: DocumentId.optional(),
  sha256: sha256.optional(),
  parts: z
    .string()
    .transform((text) => text.split(","))
    .pipe(z.array(sha256))
    .optional(),
});

/** A staged file, as its object and the grant that it was signed under tell. */
export type StagedFile = z.infer<typeof Facts> & { there: ObjectFacts; sha256: string };

/** What a staged object says of itself; null when that is not all of it (older grants said less), or not of its own key. */
export function readStagedFile(there: ObjectFacts): StagedFile | null {
  const named = parseStagingKey(there.key);
  const parsed = Facts.safeParse(there.metadata);
  if (!named || !parsed.success) return null;
  const { tenant, document, file } = parsed.data;
  const isOwn = tenant === named.tenantId && document === named.documentId && file === named.fileId;
  const wholeSha256 = there.sha256 ?? parsed.data.sha256;
  return isOwn && wholeSha256 !== undefined ? { ...parsed.data, there, sha256: wholeSha256 } : null;
}
