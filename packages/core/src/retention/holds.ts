import { sql } from "kysely";
import type { HoldRequest } from "../api-shapes.ts";
import type { DocumentRow } from "../database/tables.ts";

/** The holds of a document: when each ends, by its reference ("" for one without); null for one that lasts until it is lifted. */
export type Holds = Readonly<Record<string, string | null>>;

type Held = Pick<DocumentRow, "legal_hold" | "held_until" | "holds">;

/**
 * Those that the row has. A release that knew one hold alone writes the sum and not the holds: where it set one that they do
 * not account for, that is one without a reference; where it lifted, nothing is left of them.
 */
export function holdsOf({ legal_hold, held_until, holds }: Held): Holds {
  if (!legal_hold && held_until === null) return {};
  const known = sumUp(holds);
  const isKnown =
    (!legal_hold || known.legal_hold) && (held_until?.getTime() ?? 0) <= (known.held_until?.getTime() ?? 0);
  return isKnown ? holds : { ...holds, "": legal_hold ? null : held_until!.toISOString() };
}

/** The holds when one of them is set, changed or lifted; no hold touches another. */
export function withHold(holds: Holds, { held, reference, until }: HoldRequest): Holds {
  const { [reference ?? ""]: _own, ...others } = holds;
  return held ? { ...others, [reference ?? ""]: until ?? null } : others;
}

/** Whether the row says already what the request asks for, in its holds and in their sum: then it is a repetition. */
export function isRepeated(row: Held, { held, reference, until }: HoldRequest): boolean {
  const holds = holdsOf(row);
  const sum = sumUp(holds);
  if (sum.legal_hold !== row.legal_hold || +(sum.held_until ?? 0) !== +(row.held_until ?? 0)) return false;
  const isThere = Object.hasOwn(holds, reference ?? ""); // a reference may be called "constructor"
  if (!held || !isThere) return held === isThere;
  return momentOf(holds[reference ?? ""]) === momentOf(until);
}

const momentOf = (end: string | null | undefined): number | null => (end ? Date.parse(end) : null);

/** All of them as two columns: whether one lasts until it is lifted, and the last end of the others. */
export function sumUp(holds: Holds): Pick<Held, "legal_hold" | "held_until"> {
  const ends = Object.values(holds);
  const last = Math.max(...ends.flatMap((end) => (end === null ? [] : [Date.parse(end)])));
  return { legal_hold: ends.includes(null), held_until: last === -Infinity ? null : new Date(last) };
}

/** Whether a document's row is under no hold, by the database's clock. */
export const isFree = sql<boolean>`not legal_hold and coalesce(held_until <= clock_timestamp(), true)`;

/** Each hold that lasts at this moment, in words. */
export function tellHolds(holds: Holds, now: Date): string[] {
  return Object.entries(holds)
    .filter(([, end]) => end === null || Date.parse(end) > now.getTime())
    .map(([reference, end]) => {
      const name = reference === "" ? "a hold without a reference" : reference;
      return end === null ? `${name}, until it is lifted` : `${name}, until ${new Date(end).toISOString()}`;
    });
}
