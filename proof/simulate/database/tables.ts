import { canMove, type DocumentState } from "@strongroom/core/document/document";
import { type Entry, MustWait, PostgresError, type Row, type Session } from "./rows.ts";

type Column = string;
type Definition = {
  key: readonly Column[];
  /** Values of columns that an insert leaves out; every column of the table stands here. */
  defaults: (now: () => Date, next: () => number) => Record<string, unknown>;
  /** jsonb columns: written as text, read as values. */
  json?: readonly Column[];
  /** Checks and triggers of the migrations. */
  check?: (row: Row, before: Row | null) => void;
};

/** A table in memory; its rows stand in the order of their first insert. */
export class Table {
  readonly name: string;
  readonly definition: Definition;
  readonly entries: Entry[] = [];
  readonly #byKey = new Map<string, Entry>();
  readonly #json: ReadonlySet<string>;

  constructor(name: string, definition: Definition) {
    this.name = name;
    this.definition = definition;
    this.#json = new Set(definition.json);
  }

  /** A value as the column keeps it. */
  kept(column: string, value: unknown): unknown {
    if (value === undefined) return null;
    return typeof value === "string" && this.#json.has(column) ? (JSON.parse(value) as unknown) : value;
  }

  keyOf(row: Row): string {
    const { key } = this.definition;
    let text = String(row[key[0]!]);
    for (let at = 1; at < key.length; at++) text += `|${String(row[key[at]!])}`;
    return text;
  }

  /** The row that stands in the way of this one; throws `MustWait` while it is not sure. */
  conflict(session: Session, row: Row): Entry | null {
    const entry = this.#byKey.get(this.keyOf(row));
    if (!entry) return null;
    if (entry.owner !== null && entry.owner !== session) throw new MustWait(entry.owner);
    return session.sees(entry) === null ? null : entry;
  }

  insert(session: Session, row: Row): void {
    this.definition.check?.(row, null);
    const key = this.keyOf(row);
    const known = this.#byKey.get(key);
    const entry = known ?? { committed: null, pending: null, owner: null, keepers: null };
    session.take(this, entry);
    entry.pending = row;
    if (known) return;
    this.#byKey.set(key, entry);
    this.entries.push(entry);
  }

  update(entry: Entry, row: Row): void {
    this.definition.check?.(row, entry.pending);
    entry.pending = row;
  }

  /** Drops a row that nobody sees any more. */
  forget(entry: Entry): void {
    const index = this.entries.indexOf(entry);
    if (index < 0) return;
    this.entries.splice(index, 1);
    for (const [key, one] of this.#byKey) if (one === entry) this.#byKey.delete(key);
  }

  repeated(): PostgresError {
    const name = `${this.name}_pkey`;
    return new PostgresError("23505", `duplicate key value violates unique constraint "${name}"`, name);
  }
}

const nothing = (...columns: string[]): Record<string, null> =>
  Object.fromEntries(columns.map((column) => [column, null]));

const documentDefaults = nothing(
  ...["tenant_id", "id", "owner_id", "kind", "load_number", "note", "state", "version", "reason", "detail"],
  ...["request_sha256", "content_sha256", "size_bytes", "confirmation_code", "duplicate_of", "replaces"],
  ...["superseded_by", "review", "legal_hold", "held_until", "page_count", "legibility", "isolation"],
  ...["erasing_at", "erasing_by"],
  ...["lease_token", "lease_until", "claims", "decode_crashes", "retries", "retry_at", "grant_expires_at"],
  ...[
    "rung_at",
    "announced_bytes",
    "announced_at",
    "waits_turn",
    "fixity_checked_at",
    "fixity_fault",
    "received_at",
    "settled_at",
    "staging_cleared_at",
    "created_at",
    "changed_at",
    "traceparent",
  ],
);
const fileDefaults = nothing(
  ...[
    "tenant_id",
    "document_id",
    "id",
    "position",
    "name",
    "media_type",
    "size_bytes",
    "sha256",
    "part_sha256",
  ],
  ...["staging_key", "upload_id", "arrived_at", "detected_type", "page_count", "no_preview_reason"],
);
const auditDefaults = nothing(
  ...[
    "tenant_id",
    "id",
    "entry_id",
    "at",
    "actor",
    "action",
    "subject",
    "detail",
    "sequence",
    "previous_hash",
    "hash",
  ],
);
const outboxDefaults = nothing(
  ...["id", "tenant_id", "event_id", "topic", "type", "document_id", "version", "data", "traceparent"],
  ...["created_at", "published_at"],
);

const asNow = (column: string) => (now: () => Date) => ({ [column]: now() });

const definitions: Readonly<Record<string, Definition>> = {
  tenant: {
    key: ["id"],
    defaults: () => ({
      user_documents_per_day: 2_000,
      user_bytes_per_day: 21_474_836_480,
      tenant_documents_per_day: 200_000,
      tenant_bytes_per_day: 2_199_023_255_552,
    }),
  },
  app_user: { key: ["tenant_id", "id"], defaults: () => ({ disabled_at: null }) },
  device: { key: ["tenant_id", "id"], defaults: (now) => ({ registered_at: now(), dropped_at: null }) },
  document_kind: { key: ["tenant_id", "name"], defaults: () => ({}) },
  document: {
    key: ["tenant_id", "id"],
    json: ["legibility", "isolation"],
    defaults: (now) => {
      const created = now();
      return {
        ...documentDefaults,
        version: 1,
        review: "unreviewed",
        legal_hold: false,
        holds: {},
        waits_turn: false,
        claims: 0,
        decode_crashes: 0,
        retries: 0,
        created_at: created,
        changed_at: created,
      };
    },
    check: checkDocument,
  },
  document_file: { key: ["tenant_id", "document_id", "id"], defaults: () => ({ ...fileDefaults }) },
  artefact: { key: ["tenant_id", "document_id", "name"], defaults: asNow("created_at") },
  document_key: { key: ["tenant_id", "document_id"], defaults: asNow("created_at") },
  page_text: { key: ["tenant_id", "document_id", "page"], defaults: () => ({}) },
  receipt: { key: ["tenant_id", "document_id"], defaults: asNow("created_at") },
  outbox: {
    key: ["id"],
    json: ["data"],
    defaults: (now, next) => ({ ...outboxDefaults, id: next(), created_at: now() }),
  },
  inbox: { key: ["tenant_id", "consumer", "event_id"], defaults: asNow("at") },
  inbox_version: { key: ["tenant_id", "consumer", "document_id"], defaults: () => ({}) },
  audit: {
    key: ["id"],
    json: ["detail"],
    defaults: (now, next) => ({ ...auditDefaults, id: next(), at: now(), detail: {} }),
  },
  audit_head: { key: ["tenant_id"], defaults: () => ({}) },
  audit_checkpoint: { key: ["sequence"], defaults: asNow("at") },
};

/** The trigger and the checks of the table `document`. */
function checkDocument(row: Row, before: Row | null): void {
  const state = row["state"] as DocumentState;
  if (before === null && state !== "granted")
    throw new PostgresError("SR001", `a document begins as granted, not as ${state}`);
  const from = (before?.["state"] ?? state) as DocumentState;
  if (from !== state && !canMove(from, state))
    throw new PostgresError("SR001", `no transition from ${from} to ${state}`);
  const isLeased = row["lease_until"] !== null && state !== "processing";
  const isSilent = (state === "failed" || state === "rejected") && row["reason"] === null;
  if (isLeased || isSilent)
    throw new PostgresError("23514", 'new row for relation "document" violates check constraint');
}

/** Empty tables, as the migrations leave them. */
export function emptyTables(): Map<string, Table> {
  return new Map(
    Object.entries(definitions).map(([name, definition]) => [name, new Table(name, definition)]),
  );
}
