import type { DocumentView } from "@strongroom/core/api-shapes";
import { weakTag } from "./answer.ts";

/**
 * ETag of a document: its version, which edits are checked against, then a hash of all that is shown, since a page may
 * arrive or a successor appear without a new version.
 */
export function documentTag(document: DocumentView): string {
  return `"${document.version}-${weakTag(JSON.stringify(document)).slice(3, -1)}"`;
}
