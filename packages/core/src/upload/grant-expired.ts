import { Refusal } from "../errors.ts";

/** The one answer to whoever goes on with an expired grant. */
export function grantExpired(): Refusal {
  return new Refusal(
    "grant_expired",
    "This upload was left unfinished for too long. Send the document again with the same id.",
    { status: 410 },
  );
}
