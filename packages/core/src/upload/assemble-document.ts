import { contentSha256 } from "./check-declaration.ts";
import type { StagedFile } from "./grant-facts.ts";

/** A document as its staged files tell of it: `newest` was signed last and says what the document was by then. */
export type Assembled = { newest: StagedFile; pages: StagedFile[] };

/**
 * The one document that staged files make: of each page the one signed last, and only if these, in order, are exactly the
 * content that the newest grant names. Null otherwise: a page is missing, or was dropped or moved after the last signature.
 */
export function assembleDocument(files: readonly StagedFile[]): Assembled | null {
  const inOrder = files.toSorted(signedEarlierFirst);
  const newest = inOrder.at(-1);
  if (!newest) return null;
  const byPosition = new Map(inOrder.map((file) => [file.position, file]));
  const pages = [...byPosition.values()].toSorted((one, other) => one.position - other.position);
  return contentSha256(pages) === newest.content ? { newest, pages } : null;
}

function signedEarlierFirst(one: StagedFile, other: StagedFile): number {
  return one.version - other.version || one.there.modifiedAt.getTime() - other.there.modifiedAt.getTime();
}
