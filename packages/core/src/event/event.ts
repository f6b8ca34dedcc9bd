import * as z from "zod";
import { DocumentId, TenantId } from "../ids.ts";
import type { Topic } from "../ports/stream.ts";

/** Every fact that Strongroom publishes, and its topic. A fact holds ids, hashes, sizes and codes: it outlives erasure. */
export const eventTopics = {
  "upload.accepted": "documents",
  "upload.adopted": "documents",
  "document.edited": "documents",
  "upload.expired": "documents",
  "upload.revived": "documents",
  "document.received": "documents",
  "document.stored": "documents",
  "document.rejected": "documents",
  "document.failed": "documents",
  "document.redriven": "documents",
  "document.held": "documents",
  "document.released": "documents",
  "document.erased": "documents",
  "user.notified": "users",
  "document.read": "audit",
} as const satisfies Record<string, Topic>;
export type EventType = keyof typeof eventTopics;

/** CloudEvents 1.0, in its JSON form, as it stands in the stream; the key of its record is the document's id. */
export const CloudEvent = z.object({
  specversion: z.literal("1.0"),
  id: z.uuid(),
  /** `strongroom/<cell>` */
  source: z.string(),
  /** `document.stored.v1` */
  type: z.string(),
  subject: DocumentId,
  time: z.iso.datetime(),
  datacontenttype: z.literal("application/json"),
  tenant: TenantId,
  cell: z.string(),
  /** The document's version: 1, 2, 3 … without a gap over the `documents` topic. */
  version: z.number().int().min(1),
  traceparent: z.string().optional(),
  data: z.record(z.string(), z.unknown()),
});
export type CloudEvent = z.infer<typeof CloudEvent>;
