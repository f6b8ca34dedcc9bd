import { sql } from "kysely";
import { notFound } from "../document/load-document.ts";
import { Refusal } from "../errors.ts";
import type { Transaction } from "../ports/database.ts";
import type { Ports } from "../ports/ports.ts";
import { holdsOf, tellHolds } from "./holds.ts";
import { lockStanding, type Standing } from "./standing.ts";
import type { Owned } from "./tombstone.ts";

type BeginPorts = Pick<Ports, "database" | "clock">;

/**
 * Notes that a document is to be erased, and commits it before anything else is done: from then on there is no way back, and
 * a hold is refused. A lock alone would not do: it may end before the tombstone that is written under it has arrived. Refused
 * while a worker's lease on the document lives, and under a hold: one whose worker died, or that rests between two tries, is nobody's.
 * Does nothing when the erasure has begun, or is done.
 */
export async function beginErasure(ports: BeginPorts, owned: Owned, by: string): Promise<void> {
  await ports.database.withTenant(owned.tenantId, async (tx) => {
    const standing = await lockStanding(tx, owned.documentId);
    if (!standing) throw notFound();
    if (standing.state === "erased" || standing.erasing_at !== null) return;
    if (standing.held) throw underHold(ports, standing);
    if (standing.leased) throw inProcessing();
    await note(tx, owned, { erasing_at: sql`clock_timestamp()`, erasing_by: by });
  });
}

/** Takes back that a document is to be erased. One that has a tombstone is erased all the same, by its replay. */
export async function callOffErasure(tx: Transaction, owned: Owned): Promise<void> {
  await note(tx, owned, { erasing_at: null, erasing_by: null });
}

type Note = { erasing_at: ReturnType<typeof sql<Date>> | null; erasing_by: string | null };

async function note(tx: Transaction, { tenantId, documentId }: Owned, set: Note): Promise<void> {
  await tx
    .updateTable("document")
    .set(set)
    .where((eb) => eb.and({ tenant_id: tenantId, id: documentId }))
    .execute();
}

/** The refusal that names the holds. */
export function underHold({ clock }: Pick<Ports, "clock">, standing: Standing): Refusal {
  const holds = tellHolds(holdsOf(standing), clock.now());
  return new Refusal(
    "held",
    `This document is under a hold: it may not be erased until each is lifted or over (${holds.join("; ")}).`,
    { status: 409 },
  );
}

function inProcessing(): Refusal {
  return new Refusal(
    "in_processing",
    "This document is being processed. Erase it when it has come to rest, in a minute or so.",
    { status: 409, retryAfterSeconds: 60 },
  );
}
