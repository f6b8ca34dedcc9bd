import { DocumentId } from "@strongroom/core/ids";
import { UsageProblem } from "./problems.ts";

/** An id as a person typed it, in lower case; one that can be no document's is refused before the server is asked. */
export function documentId(text: string): string {
  const id = DocumentId.safeParse(text);
  if (!id.success) throw new UsageProblem(`${text} is not an id of a document.`);
  return id.data;
}
