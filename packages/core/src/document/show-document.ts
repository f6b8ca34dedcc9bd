import type { DocumentView } from "../api-shapes.ts";
import type { Ports } from "../ports/ports.ts";
import type { Actor } from "../user/user.ts";
import { viewDocument } from "./view-document.ts";

/** One document in full, if this person may see it. */
export async function showDocument(
  ports: Pick<Ports, "database">,
  actor: Actor,
  documentId: string,
): Promise<DocumentView> {
  return await ports.database.inOneTrip(actor.tenantId, (tx) => viewDocument(tx, actor, documentId));
}
