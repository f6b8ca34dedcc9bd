import type { Ports } from "../ports/ports.ts";
import { type Actor, actorName } from "../user/user.ts";
import { beginErasure } from "./begin-erasure.ts";
import { certifyErasure } from "./certify-erasure.ts";
import { eraseBegun } from "./erase-begun.ts";
import { removeBytes } from "./remove-bytes.ts";
import type { Owned } from "./tombstone.ts";

type ErasePorts = Pick<Ports, "database" | "objects" | "keys" | "ids" | "clock" | "config" | "log">;

/**
 * Erases a document for good and answers the signed certificate of it; a second call answers the same certificate.
 * That it is to be erased is committed first, so that no hold is set any more; the tombstone is kept before the rows go, so
 * that whoever dies in between, or restores an older database, erases it still; bytes go after the commit, and the
 * certificate is signed when they are gone. Killed anywhere, a repeated call goes on, and so does the reconciler; with a
 * tombstone sweep and next start as well. Refused while a worker's lease on the document lives, and under a hold.
 */
export async function eraseDocument(ports: ErasePorts, actor: Actor, documentId: string): Promise<string> {
  const owned: Owned = { tenantId: actor.tenantId, documentId };
  const by = actorName(actor);
  await beginErasure(ports, owned, by);
  const erased = await eraseBegun(ports, owned, by);
  const removed = await removeBytes(ports, owned);
  const certificate = await certifyErasure(ports, owned);
  if (erased) ports.log.info("document.erased", { ...owned, removed });
  return certificate;
}
