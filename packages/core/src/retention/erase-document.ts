import { notFound } from "../document/load-document.ts";
import { Refusal } from "../errors.ts";
import type { Transaction } from "../ports/database.ts";
import type { Ports } from "../ports/ports.ts";
import { type Actor, actorName } from "../user/user.ts";
import { certifyErasure } from "./certify-erasure.ts";
import { eraseRows } from "./erase-rows.ts";
import { holdsOf, tellHolds } from "./holds.ts";
import { lockDocument, type Standing } from "./lock-document.ts";
import { removeBytes } from "./remove-bytes.ts";
import { type Owned, writeTombstone } from "./tombstone.ts";

type ErasePorts = Pick<Ports, "database" | "objects" | "keys" | "ids" | "clock" | "config" | "log">;

/**
 * Erases a document for good and answers the signed certificate of it; a second call answers the same certificate.
 * The tombstone is kept before the commit, so that whoever dies in between, or restores an older database, erases it still;
 * bytes go after the commit, and the certificate is signed when they are gone. Killed anywhere, a repeated call goes on; so do
 * sweep and next start up to the commit, and the reconciler after it. Refused while a worker holds the document, and under a hold.
 */
export async function eraseDocument(ports: ErasePorts, actor: Actor, documentId: string): Promise<string> {
  const owned: Owned = { tenantId: actor.tenantId, documentId };
  const erased = await ports.database.withTenant(actor.tenantId, (tx) =>
    eraseLocked(ports, tx, actor, owned),
  );
  const removed = await removeBytes(ports, owned);
  const certificate = await certifyErasure(ports, owned);
  if (erased) ports.log.info("document.erased", { ...owned, removed });
  return certificate;
}

/** Under the row's lock nobody can place a hold, or claim the document, between the look at it and the commit. */
async function eraseLocked(ports: ErasePorts, tx: Transaction, actor: Actor, owned: Owned): Promise<boolean> {
  const standing = await lockDocument(tx, owned.documentId);
  if (!standing) throw notFound();
  if (standing.state === "erased") return false;
  refuse(ports, standing);
  const by = actorName(actor);
  const tombstone = await writeTombstone(ports, owned, { at: ports.clock.now(), by });
  await eraseRows(ports, tx, { documentId: owned.documentId, actor: by, requestedBy: tombstone.by });
  return true;
}

function refuse({ clock }: ErasePorts, { state, held, ...row }: Standing): void {
  if (held) {
    const holds = tellHolds(holdsOf(row), clock.now());
    throw new Refusal(
      "held",
      `This document is under a hold: it may not be erased until each is lifted or over (${holds.join("; ")}).`,
      { status: 409 },
    );
  }
  if (state === "processing") {
    throw new Refusal(
      "in_processing",
      "This document is being processed. Erase it when it has come to rest, in a minute or so.",
      { status: 409, retryAfterSeconds: 60 },
    );
  }
}
