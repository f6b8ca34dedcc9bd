import type { ColumnType, Generated, Selectable } from "kysely";
import type { DocumentState, ReviewState } from "../document/document.ts";
import type { LegibilityReason } from "../document/rendering.ts";

/** A moment: read as a Date. */
type Moment = ColumnType<Date, Date, Date>;
type MomentOrNull = ColumnType<Date | null, Date | null | undefined, Date | null>;
/** bigint columns: sizes, tokens and sequences below 2^53, read as numbers. */
type Size = ColumnType<number, number, number>;
type Text = string;
type TextOrNull = ColumnType<string | null, string | null | undefined, string | null>;
type WithDefault<T> = ColumnType<T, T | undefined, T>;
type Json<T> = ColumnType<T, string, string>;
type JsonOrNull<T> = ColumnType<T | null, string | null | undefined, string | null>;

/** What the decode child saw on one page. */
export type PageLegibility = { page: number; reasons: LegibilityReason[] };

export type Tables = {
  tenant: {
    id: Text;
    name: Text;
    user_documents_per_day: WithDefault<number>;
    user_bytes_per_day: ColumnType<number, number | undefined, number>;
    tenant_documents_per_day: WithDefault<number>;
    tenant_bytes_per_day: ColumnType<number, number | undefined, number>;
  };
  app_user: {
    tenant_id: Text;
    id: Text;
    name: Text;
    role: "driver" | "agent" | "admin" | "operator";
    language: WithDefault<string>;
    disabled_at: MomentOrNull;
    version: WithDefault<number>;
  };
  device: {
    tenant_id: Text;
    id: Text;
    user_id: Text;
    platform: "ios" | "android" | "web";
    push_token: Text;
    registered_at: WithDefault<Date>;
    dropped_at: MomentOrNull;
  };
  document_kind: { tenant_id: Text; name: Text; title: Text; retention_days: number };
  document: {
    tenant_id: Text;
    id: Text;
    owner_id: Text;
    kind: Text;
    load_number: TextOrNull;
    note: TextOrNull;
    state: DocumentState;
    version: WithDefault<number>;
    /** Stable code that says why a document is where it is; null while nothing is to be said. */
    reason: TextOrNull;
    /** The same in plain words, with what to do. */
    detail: TextOrNull;
    request_sha256: Text;
    content_sha256: Text;
    size_bytes: Size;
    /** Announced within a day of the last edit that brought a page, dropped pages included; null without such an edit. */
    announced_bytes: ColumnType<number | null, number | null | undefined, number | null>;
    announced_at: MomentOrNull;
    confirmation_code: TextOrNull;
    duplicate_of: TextOrNull;
    replaces: TextOrNull;
    superseded_by: TextOrNull;
    review: WithDefault<ReviewState>;
    legal_hold: WithDefault<boolean>;
    held_until: MomentOrNull;
    /** The end of each hold, by its reference: retention/holds.ts. */
    holds: ColumnType<Record<string, string | null>, string | undefined, string>;
    /** Since when it is to be erased, and who asked, as in the audit: retention/begin-erasure.ts. */
    erasing_at: MomentOrNull;
    erasing_by: TextOrNull;
    page_count: ColumnType<number | null, number | null | undefined, number | null>;
    legibility: JsonOrNull<PageLegibility[]>;
    isolation: JsonOrNull<Record<string, string>>;
    lease_token: ColumnType<number | null, number | null | undefined, number | null>;
    lease_until: MomentOrNull;
    claims: WithDefault<number>;
    decode_crashes: WithDefault<number>;
    retries: WithDefault<number>;
    retry_at: MomentOrNull;
    grant_expires_at: Moment;
    rung_at: MomentOrNull;
    /** Earlier documents of its tenant go first; its bell waits in the late queue. */
    waits_turn: WithDefault<boolean>;
    received_at: MomentOrNull;
    settled_at: MomentOrNull;
    staging_cleared_at: MomentOrNull;
    fixity_checked_at: MomentOrNull;
    /** What the last check found wrong, by artefact; null while all is as the manifest says. */
    fixity_fault: TextOrNull;
    created_at: WithDefault<Date>;
    changed_at: WithDefault<Date>;
    traceparent: TextOrNull;
  };
  document_file: {
    tenant_id: Text;
    document_id: Text;
    id: Text;
    position: number;
    name: Text;
    media_type: Text;
    size_bytes: Size;
    sha256: Text;
    part_sha256: ColumnType<string[] | null, string[] | null | undefined, string[] | null>;
    staging_key: Text;
    upload_id: TextOrNull;
    arrived_at: MomentOrNull;
    detected_type: TextOrNull;
    page_count: ColumnType<number | null, number | null | undefined, number | null>;
    no_preview_reason: TextOrNull;
  };
  artefact: {
    tenant_id: Text;
    document_id: Text;
    name: Text;
    attempt: Size;
    media_type: Text;
    size_bytes: Size;
    sha256: Text;
    sealed_size_bytes: Size;
    sealed_sha256: Text;
    vault_key: Text;
    version_id: Text;
    created_at: WithDefault<Date>;
  };
  document_key: {
    tenant_id: Text;
    document_id: Text;
    attempt: Size;
    wrapped: Buffer;
    root_key_id: Text;
    created_at: WithDefault<Date>;
  };
  page_text: { tenant_id: Text; document_id: Text; page: number; body: Text };
  outbox: {
    id: Generated<number>;
    tenant_id: Text;
    event_id: Text;
    topic: Text;
    type: Text;
    document_id: Text;
    version: number;
    data: Json<Record<string, unknown>>;
    traceparent: TextOrNull;
    created_at: WithDefault<Date>;
    published_at: MomentOrNull;
  };
  inbox: { tenant_id: Text; consumer: Text; event_id: Text; at: WithDefault<Date> };
  inbox_version: { tenant_id: Text; consumer: Text; document_id: Text; version: number };
  audit: {
    tenant_id: Text;
    id: Generated<number>;
    entry_id: Text;
    at: WithDefault<Date>;
    actor: Text;
    action: Text;
    subject: Text;
    detail: Json<Record<string, unknown>>;
    sequence: ColumnType<number | null, never, number>;
    previous_hash: ColumnType<string | null, never, string>;
    hash: ColumnType<string | null, never, string>;
  };
  audit_head: { tenant_id: Text; sequence: Size; hash: Text };
  audit_checkpoint: {
    sequence: Size;
    at: Moment;
    sha256: Text;
    jws: Text;
  };
  receipt: { tenant_id: Text; document_id: Text; jws: Text; created_at: WithDefault<Date> };
  worker: {
    name: Text;
    kind: Text;
    isolation: JsonOrNull<Record<string, string>>;
    started_at: WithDefault<Date>;
    beat_at: WithDefault<Date>;
  };
  document_transition: { from_state: Text; to_state: Text };
};

export type DocumentRow = Selectable<Tables["document"]>;
export type DocumentFileRow = Selectable<Tables["document_file"]>;
export type OutboxRow = Selectable<Tables["outbox"]>;
export type AuditRow = Selectable<Tables["audit"]>;
