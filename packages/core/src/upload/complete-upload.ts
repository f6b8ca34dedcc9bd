import type { DocumentView } from "../api-shapes.ts";
import { loadVisible } from "../document/load-document.ts";
import { viewDocument } from "../document/view-document.ts";
import { Refusal } from "../errors.ts";
import { type Actor, actorName } from "../user/user.ts";
import { grantExpired, isGrantOver } from "./grant-expired.ts";
import { receiveLoaded, type ReceivePorts } from "./receive-document.ts";

/** The client says that all is sent; the store decides. Refused, with the missing pages named, while some are not there. */
export async function completeUpload(
  ports: ReceivePorts,
  actor: Actor,
  documentId: string,
): Promise<DocumentView> {
  const { tenantId } = actor;
  const loaded = await ports.database.inOneTrip(tenantId, (tx) => loadVisible(tx, actor, documentId));
  if (loaded.document.state === "expired") throw grantExpired();
  const { missing } = await receiveLoaded(ports, tenantId, loaded, actorName(actor));
  if (missing.length > 0)
    throw isGrantOver(ports, loaded.document) ? grantExpired() : incomplete(missing, loaded.files.length);
  return await ports.database.inOneTrip(tenantId, (tx) => viewDocument(tx, actor, documentId));
}

function incomplete(missing: number[], of: number): Refusal {
  const pages =
    missing.length === 1 ? `Page ${missing[0]} of ${of} is` : `Pages ${missing.join(", ")} of ${of} are`;
  return new Refusal("upload_incomplete", `${pages} missing. Send what is missing, then complete again.`, {
    status: 409,
    details: { missing },
  });
}
