import { type RawBuilder, sql } from "kysely";
import { moveDocument } from "../document/move-document.ts";
import type { Periods } from "../config.ts";
import type { Transaction } from "../ports/database.ts";
import type { Ports } from "../ports/ports.ts";
import type { Claim } from "./claim-document.ts";
import { endTurn } from "./pass-turn.ts";
import { ringDoorbell } from "./ring-doorbell.ts";
import { someWaitForTurn } from "./turn.ts";

type ReleasePorts = Pick<Ports, "database" | "queue" | "clock" | "config" | "ids" | "log">;

/** Gives a document back unharmed, for instance at SIGTERM: counts as no fault of anybody, and is rung for at once. */
export async function releaseDocument(ports: ReleasePorts, claim: Claim): Promise<void> {
  const { kept } = await release(ports, claim, { lease_until: null });
  if (kept) await ringDoorbell(ports, claim.document);
}

/** Waits before the next try: full jitter below twice as long each time, from `retryBase` up to `retryCap`. */
export function backoffMs(
  retries: number,
  { retryBase, retryCap }: Pick<Periods, "retryBase" | "retryCap">,
  random: number,
): number {
  return Math.round(random * Math.min(retryCap, retryBase * 2 ** retries));
}

/**
 * Puts a document off after a fault of ours, or, past all retries, makes it `failed`: kept, listed for operators, redriven
 * by them. Answers what became of it.
 */
export async function retryDocument(
  ports: ReleasePorts,
  claim: Claim,
  cause: Error,
): Promise<"retried" | "failed" | "lost"> {
  const { document } = claim;
  if (document.retries + 1 >= ports.config.maxRetries) return await fail(ports, claim, cause);
  const delayMs = backoffMs(document.retries, ports.config.periods, unit(ports));
  const { kept, someWait } = await release(ports, claim, {
    lease_until: null,
    retries: document.retries + 1,
    retry_at: sql<Date>`clock_timestamp() + ${delayMs}::float8 * interval '1 millisecond'`,
  });
  if (!kept) return "lost";
  ports.log.warn("document.retried", {
    documentId: document.id,
    retries: document.retries + 1,
    delayMs,
    error: cause,
  });
  // Behind its tenant's others: a fault that lasts must not make all of a flood fresh work.
  await ringDoorbell(ports, { ...document, waits_turn: someWait }, delayMs);
  if (someWait) await endTurn(ports, document);
  return "retried";
}

async function fail(
  ports: ReleasePorts,
  { document, token }: Claim,
  cause: Error,
): Promise<"failed" | "lost"> {
  const failed = await ports.database.inOneTrip(document.tenant_id as never, (tx) =>
    moveDocument(ports, tx, {
      documentId: document.id,
      from: ["processing"],
      to: "failed",
      token,
      set: {
        lease_until: null,
        settled_at: sql`clock_timestamp()`,
        reason: "processing_failed",
        detail: "We could not process this document for now. Keep the photo, we are on it.",
      },
      event: { type: "document.failed", data: { ownerId: document.owner_id, reason: "processing_failed" } },
      audit: {
        actor: "system:processor",
        action: "document.failed",
        detail: { reason: "processing_failed", token },
      },
    }),
  );
  if (!failed) return "lost";
  ports.log.error("document.failed", { documentId: document.id, error: cause });
  await endTurn(ports, document);
  return "failed";
}

type Released = { lease_until: null; retries?: number; retry_at?: RawBuilder<Date> };

/** Whether the claim still held, and whether others of the tenant wait for their turn. */
async function release(ports: ReleasePorts, { document, token }: Claim, set: Released) {
  return await ports.database.inOneTrip(document.tenant_id as never, async (tx) => {
    const [rows, someWait] = await Promise.all([giveBack(tx, document.id, token, set), someWaitForTurn(tx)]);
    return { kept: rows.length > 0, someWait };
  });
}

async function giveBack(tx: Transaction, documentId: string, token: number, set: Released) {
  return await tx
    .updateTable("document")
    .set({ ...set, changed_at: sql`clock_timestamp()` })
    .where("tenant_id", "=", tx.insideTenant)
    .where("id", "=", documentId)
    .where("state", "=", "processing")
    .where("lease_token", "=", token)
    .returning("id")
    .execute();
}

/** A number from 0 up to 1 from the system's source of randomness. */
function unit(ports: Pick<Ports, "ids">): number {
  return Buffer.from(ports.ids.random(4)).readUInt32BE() / 2 ** 32;
}
