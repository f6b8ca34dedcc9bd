import type { Ids } from "./ids.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** A new W3C trace context: it travels in the grant row, message attributes, outbox column and stream headers. */
export function newTraceparent(ids: Ids): string {
  return `00-${hex(ids.random(16))}-${hex(ids.random(8))}-01`;
}
