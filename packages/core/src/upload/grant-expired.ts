import type { DocumentRow } from "../database/tables.ts";
import { Refusal } from "../errors.ts";
import type { Ports } from "../ports/ports.ts";

/** Whether nothing may be sent under a grant any more. Its end counts, not when the reconciler comes to say so. */
export function isGrantOver(
  { clock }: Pick<Ports, "clock">,
  { state, grant_expires_at: end }: Pick<DocumentRow, "state" | "grant_expires_at">,
): boolean {
  return state === "expired" || (state === "granted" && end.getTime() < clock.now().getTime());
}

/** Until when a grant that is given now may be used. */
export function grantEnd({ clock, config }: Pick<Ports, "clock" | "config">): Date {
  return new Date(clock.now().getTime() + config.periods.grant);
}

/** The one answer to whoever goes on with an expired grant. */
export function grantExpired(): Refusal {
  return new Refusal(
    "grant_expired",
    "This upload was left unfinished for too long. Send the document again with the same id.",
    { status: 410 },
  );
}
