import type { Row } from "../database/rows.ts";

/** A committed version of a row; `openedAt`: when the transaction that made it began. */
export type Version = { at: number; openedAt: number; row: Row };

/** What the world saw with its own eyes, whatever the product says of itself. */
export class Ledger {
  /** Every committed version of every document, in the order of the commits. */
  readonly documents = new Map<string, Version[]>();
  /** Every event that was ever committed. */
  readonly events = new Map<number, Row>();
  /** Requests that a client was told are accepted, by document. */
  readonly accepted: { documentId: string; files: readonly string[] }[] = [];
  /** Documents of which a client was told that all of it is here. */
  readonly acknowledged = new Set<string>();
  readonly pushes: { token: string; tag: string }[] = [];
  readonly removed: { key: string; modifiedAt: number; at: number }[] = [];
  /** Tenant, document and attempt that each data key was made for. */
  readonly dataKeys = new Map<number, string>();

  /** Every state that a document was in between two moments. */
  statesBetween(documentId: string, from: number, to: number): string[] {
    const versions = this.documents.get(documentId) ?? [];
    const first = versions.findLastIndex(({ at }) => at <= from);
    return versions
      .slice(Math.max(first, 0))
      .filter(({ at }) => at <= to)
      .map(({ row }) => String(row["state"]));
  }
}
