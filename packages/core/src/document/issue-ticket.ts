import type * as z from "zod";
import type { Ticket } from "../api-shapes.ts";
import { Refusal } from "../errors.ts";
import type { Transaction } from "../ports/database.ts";
import type { Ports } from "../ports/ports.ts";
import type { Actor } from "../user/user.ts";
import { loadVisible } from "./load-document.ts";
import { findArtefact } from "./find-artefact.ts";
import { type TicketFacts, writeTicket } from "./ticket.ts";

type Wanted = { documentId: string; artefact: string };

/** A URL that shows one artefact of a stored document to this person for a minute. */
export async function issueTicket(
  ports: Pick<Ports, "database" | "clock" | "config">,
  actor: Actor,
  { documentId, artefact }: Wanted,
): Promise<z.infer<typeof Ticket>> {
  await ports.database.inOneTrip(actor.tenantId, (tx) => findReadable(tx, actor, { documentId, artefact }));
  const expiresAtMs = ports.clock.now().getTime() + ports.config.periods.ticket;
  const facts = {
    tenantId: actor.tenantId,
    userId: actor.userId,
    documentId,
    artefact,
    expiresAtMs,
  } as TicketFacts;
  const query = new URLSearchParams({ artefact, ticket: writeTicket(ports.config.secrets.ticketKey, facts) });
  return {
    url: `${ports.config.publicUrl}/v1/documents/${documentId}/content?${query.toString()}`,
    expiresAt: new Date(expiresAtMs).toISOString(),
  };
}

/** What this person may read of a document, with the document's files. Refused when there is nothing to read, or not for them. */
export async function findReadable(tx: Transaction, actor: Actor, { documentId, artefact }: Wanted) {
  const [{ document, files }, found] = await Promise.all([
    loadVisible(tx, actor, documentId),
    findArtefact(tx, documentId, artefact),
  ]);
  if (!found) throw notReadable(document.state);
  return { found, files };
}

/** Why there is nothing to read: not yet, never, or no such artefact. */
function notReadable(state: string): Refusal {
  if (state === "stored")
    return new Refusal(
      "no_such_artefact",
      "This document has no such part. Its artefacts are listed with it.",
      { status: 404 },
    );
  return new Refusal("not_stored", `This document is ${state}: it can be read once it is stored.`, {
    status: 409,
  });
}
