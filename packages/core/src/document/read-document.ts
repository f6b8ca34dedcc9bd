import type { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream";
import { appendAudit } from "../audit/append-audit.ts";
import type { DocumentFileRow } from "../database/tables.ts";
import { Damaged, NoSuchObject, NotAsStored, Refusal } from "../errors.ts";
import { appendEvent } from "../event/append-event.ts";
import type { Ports } from "../ports/ports.ts";
import { findActor } from "../user/find-actor.ts";
import { type Actor, actorName } from "../user/user.ts";
import type { FoundArtefact } from "./find-artefact.ts";
import { findReadable } from "./issue-ticket.ts";
import { dataKeyContext } from "./seal-document.ts";
import { type Addressee, openSealed } from "./sealing.ts";
import { openTicket, type TicketFacts } from "./ticket.ts";

type ReadPorts = Pick<Ports, "database" | "objects" | "keys" | "cache" | "clock" | "ids" | "log" | "config">;
type Asked = { documentId: string; artefact: string; ticket: string };

/** An artefact on its way out. A stream that fails must destroy the connection: a clean end would call a cut file whole. */
export type Content = {
  mediaType: string;
  sizeBytes: number;
  sha256: string;
  fileName: string;
  disposition: "attachment" | "inline";
  body: Uint8Array | Readable;
};

/** Up to this many bytes are verified whole before the first one is released (6 MiB: what a Lambda may answer in one piece). */
export const verifiedWholeBytes = 6 * 1024 * 1024;

/**
 * Opens one artefact for whoever holds a valid ticket: authorises anew, audits, then verifies while it decrypts. Throws
 * `Damaged` when the stored copy is found not to be as it was sealed before the first byte is released.
 */
export async function readDocument(ports: ReadPorts, asked: Asked): Promise<Content> {
  const facts = checkTicket(ports, asked);
  const actor = await findActor(ports, facts);
  const { found, name } = await authorise(ports, actor, facts);
  const body = await openBody(ports, actor, found);
  return {
    mediaType: found.media_type,
    sizeBytes: found.size_bytes,
    sha256: found.sha256,
    fileName: name,
    disposition: isShown(found) ? "inline" : "attachment",
    body,
  };
}

function checkTicket(ports: ReadPorts, { documentId, artefact, ticket }: Asked): TicketFacts {
  const facts = openTicket(ports.config.secrets.ticketKey, ticket, ports.clock.now().getTime());
  if (facts && facts.documentId === documentId && facts.artefact === artefact) return facts;
  throw new Refusal(
    "invalid_ticket",
    "This link is no longer valid: it works for one minute. Open the document again.",
    { status: 403 },
  );
}

/** In the browser, under a sandbox; Chromium shows no PDF in one, and nothing that we did not make is shown. */
const isShown = ({ name, media_type: mediaType }: FoundArtefact): boolean =>
  !name.startsWith("original-") && mediaType !== "application/pdf";

async function authorise(ports: ReadPorts, actor: Actor, { documentId, artefact }: TicketFacts) {
  return await ports.database.withTenant(actor.tenantId, async (tx) => {
    const { found, files } = await findReadable(tx, actor, { documentId, artefact });
    await Promise.all([
      appendAudit(ports, tx, {
        actor: actorName(actor),
        action: "document.read",
        subject: documentId,
        detail: { artefact },
      }),
      appendEvent(ports, tx, {
        documentId,
        version: found.version,
        type: "document.read",
        traceparent: found.traceparent,
        data: { readerId: actor.userId, artefact },
      }),
    ]);
    return { found, name: fileName(found, files) };
  });
}

function fileName(found: FoundArtefact, files: DocumentFileRow[]): string {
  const original = /^original-(\d+)$/.exec(found.name);
  const file = original ? files.find(({ position }) => position === Number(original[1])) : undefined;
  const endings: Record<string, string> = {
    "image/jpeg": ".jpg",
    "application/pdf": ".pdf",
    "application/json": ".json",
  };
  return file?.name ?? `${found.name}${endings[found.media_type] ?? ""}`;
}

async function openBody(ports: ReadPorts, actor: Actor, found: FoundArtefact): Promise<Content["body"]> {
  try {
    const body = await openArtefact(ports, actor, found);
    return found.size_bytes <= verifiedWholeBytes ? await buffer(body) : body;
  } catch (error) {
    throw error instanceof NotAsStored ? new Damaged(error) : error;
  }
}

/** The plaintext stream of an artefact: whole, unchanged and meant for this very place, or it fails. */
async function openArtefact(ports: ReadPorts, actor: Actor, found: FoundArtefact): Promise<Readable> {
  const { tenant_id: tenantId, document_id: documentId, name: artefact, attempt } = found;
  const to: Addressee = { tenantId, documentId, artefact, attempt: String(attempt) };
  const manifest = {
    sizeBytes: found.size_bytes,
    sha256: found.sha256,
    sealedSizeBytes: found.sealed_size_bytes,
  };
  const tell = (error: unknown) => tellFault(ports, found, error);
  let dataKey: Uint8Array | null = null;
  try {
    dataKey = await ports.keys.openDataKey(found.wrapped, dataKeyContext(tenantId, documentId, attempt));
    const opening = openSealed(to, dataKey, manifest).once("error", tell);
    // The reader of `opening` sees every fault as its destruction; the callback only takes the duty of hearing it.
    return pipeline(await ports.objects.read(found.vault_key), opening, () => {});
  } catch (error) {
    if (error instanceof NoSuchObject) await refuseErased(ports, actor, found);
    tell(error);
    throw error;
  } finally {
    dataKey?.fill(0); // `opening` has its own copy
  }
}

/** An object that is gone is no damage when the document was erased since it was found: that is refused as it is a moment later. */
async function refuseErased({ database }: ReadPorts, actor: Actor, found: FoundArtefact): Promise<void> {
  const asked = { documentId: found.document_id, artefact: found.name };
  await database.inOneTrip(actor.tenantId, (tx) => findReadable(tx, actor, asked));
}

/** Whoever answers knows the request alone, and after the first byte nobody is told why a stream broke off. */
function tellFault({ log }: ReadPorts, found: FoundArtefact, error: unknown): void {
  if (!(error instanceof NotAsStored)) return; // an outage, or the reader left: told where the answer ends
  const { tenant_id: tenantId, document_id: documentId, name: artefact } = found;
  log.error("document.damaged", { tenantId, documentId, artefact, error });
}
