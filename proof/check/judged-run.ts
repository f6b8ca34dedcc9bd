import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import type { Chance, ClientFault, Demands, End, HostileFamily, StandingPoint, Struck } from "./demands.ts";

/** What a client believes of a request: `unknown` when no answer came, and then it may have been done or not. */
export type Outcome = "ok" | "refused" | "unknown";
/**
 * What a document must come to, if its client got it through: `shown`, stored with previews; `kept`, stored, with or without;
 * `rejected`; `never`, since its client does not send all of it.
 */
export type Fate = "shown" | "kept" | "rejected" | "never";
export type PlannedFile = { position: number; sha256: string; sizeBytes: number; requests: number };
export type Listed = { id: string; state: string; reason: string | null };

export type PublicKey = { kid?: string; kty?: string; crv?: string; x?: string; y?: string };

/** One line of the history that the clients wrote; `at` in milliseconds since 1970. */
export type Entry = { at: number } & (
  | { what: "planned"; tenant: string; user: string; document: string; fate: Fate; files: PlannedFile[] }
  | { what: "accept"; document: string; outcome: Outcome; status: number | null; tookMs: number }
  | {
      what: "put";
      document: string;
      position: number;
      request: number;
      outcome: Outcome;
      status: number | null;
    }
  | { what: "complete"; document: string; outcome: Outcome; status: number | null }
  | { what: "seen"; document: string; state: string; version: number }
  | { what: "hostile"; document: string; family: HostileFamily; attempt: string; status: number | null }
  | {
      what: "probe";
      away: string;
      status: number | null;
      hasRetryAfter: boolean;
      tookMs: number;
      controlMs: number;
      isControlled: boolean;
    }
  /** `offered`: documents that waited or were in hand when it began, or came in meanwhile; `stored`: of these, settled by its end. */
  | { what: "during"; outage: string; offered: number; stored: number }
  | { what: "device"; tenant: string; user: string; token: string }
  | { what: "unregistered"; token: string }
  /** A phone that asks for its notices from now to the end. */
  | { what: "listening"; token: string }
  | { what: "notice"; token: string; tag: string; fields: string[] }
  | { what: "listed"; tenant: string; user: string; documents: Listed[] }
  /** A failed document that an agent found in their list, for this reason, and sent its way again, when all our faults were over. */
  | {
      what: "redriven";
      document: string;
      reason: string | null;
      outcome: Outcome;
      status: number | null;
      /** Requests that were sent for it: of the later ones, an earlier answer was lost, or a refusal that passes. */
      tries: number;
    }
  /** The public keys, as they are served to whoever wants to verify a receipt. */
  | { what: "keys"; keys: PublicKey[] }
  /** `struck`: where it was meant to; `ends`: of the processes that it was to end. */
  | { what: "injury"; kind: string; detail: string; struck: boolean; ends: End[] }
  /** `isTaken`: the document went to another processor (before the ack, its doorbell did) while this one stood still. */
  | { what: "stop"; point: StandingPoint; document: string; isTaken: boolean }
  /** `connections`: of clients while faults struck, by the manner. */
  | { what: "faults"; tally: Struck[]; connections: Partial<Record<ClientFault, Chance>> }
  /** `slowness`: how many times longer than on an idle machine work took, because others worked beside it. */
  | { what: "quiet"; tookMs: number | null; limitMs: number; slowness: number }
);
export type EntryOf<What extends Entry["what"]> = Extract<Entry, { what: What }>;

/** Columns as PostgreSQL gives them in JSON: moments as ISO 8601, bigint as text or number, bytea in hex. */
export type Document = {
  tenant_id: string;
  id: string;
  owner_id: string;
  state: string;
  version: number;
  reason: string | null;
  lease_token: number | null;
  settled_at: string | null;
  created_at: string;
  received_at: string | null;
  staging_cleared_at: string | null;
};
export type File = {
  tenant_id: string;
  document_id: string;
  position: number;
  size_bytes: number;
  sha256: string;
  staging_key: string;
  arrived_at: string | null;
};
export type Artefact = {
  tenant_id: string;
  document_id: string;
  name: string;
  attempt: number;
  size_bytes: number;
  sha256: string;
  sealed_size_bytes: number;
  sealed_sha256: string;
  vault_key: string;
};
export type DocumentKey = { tenant_id: string; document_id: string; attempt: number; wrapped: string };
export type OutboxRow = {
  tenant_id: string;
  id: number;
  event_id: string;
  topic: string;
  type: string;
  document_id: string;
  version: number;
  published_at: string | null;
};
export type StreamRecord = {
  topic: string;
  partition: number;
  record_offset: number;
  key: string;
  value: string;
};
export type AuditRow = {
  tenant_id: string;
  id: number;
  entry_id: string;
  at: string;
  actor: string;
  action: string;
  subject: string;
  sequence: number | null;
  previous_hash: string | null;
  hash: string | null;
  detail: { state?: string; token?: number; version?: number };
};
export type Device = {
  tenant_id: string;
  id: string;
  user_id: string;
  push_token: string;
  dropped_at: string | null;
};
export type Push = { token: string; tag: string };
export type Receipt = { tenant_id: string; document_id: string; jws: string };

export type Head = { tenant_id: string; sequence: number; hash: string };
export type CheckpointRow = { sequence: number; sha256: string; jws: string };

export type Tables = {
  document: Document[];
  document_file: File[];
  artefact: Artefact[];
  document_key: DocumentKey[];
  outbox: OutboxRow[];
  stream_record: StreamRecord[];
  audit: AuditRow[];
  audit_head: Head[];
  audit_checkpoint: CheckpointRow[];
  device: Device[];
  push_inbox: Push[];
  receipt: Receipt[];
};
export const tableNames = [
  "document",
  "document_file",
  "artefact",
  "document_key",
  "outbox",
  "stream_record",
  "audit",
  "audit_head",
  "audit_checkpoint",
  "device",
  "push_inbox",
  "receipt",
] as const satisfies (keyof Tables)[];

/** Periods of the run in milliseconds, already divided. */
export type Periods = Record<
  | "silence"
  | "reconcile"
  | "keepStored"
  | "keepRejected"
  | "keepExpired"
  | "orphanGrace"
  | "sweep"
  | "checkpoint",
  number
>;

/** What lies in a data directory beside the database. */
export type Store = {
  rootKeys: string[];
  /** Keys of all objects, `s/…` and `v/…`. */
  objectKeys: string[];
  /** A whole file of the object store; throws when there is none. */
  readFile(key: string): Buffer;
};
/** What the clients did and saw, and what the system has of it; `demands`: what must have been done to it, nothing when absent. */
export type JudgedState = Store & { history: Entry[]; tables: Tables; demands?: Demands };
/** All that a run left behind. */
export type JudgedRun = JudgedState & {
  /** Moment of the dump, in milliseconds since 1970. */
  dumpedAt: number;
  periods: Periods;
  demands: Demands;
};

/** What `writeDump` left in a directory: `run.json`, `history.ndjson`, `tables/<name>.ndjson`; objects and keys lie where they were. */
export function readRun(directory: string): JudgedRun {
  const { dumpedAt, periods, demands, dataDirectory } = JSON.parse(
    readFileSync(join(directory, "run.json"), "utf8"),
  ) as Pick<JudgedRun, "dumpedAt" | "periods" | "demands"> & { dataDirectory: string };
  const tables = Object.fromEntries(
    tableNames.map((name) => [name, readLines(join(directory, "tables", `${name}.ndjson`))]),
  ) as Tables;
  return {
    dumpedAt,
    periods,
    demands,
    history: readLines<Entry>(join(directory, "history.ndjson")),
    tables,
    ...readStore(dataDirectory),
  };
}

/** Objects and keys of an installation, where they lie. */
export function readStore(dataDirectory: string): Store {
  const objects = join(dataDirectory, "objects");
  const keys = join(dataDirectory, "keys");
  return {
    rootKeys: readdirSync(keys)
      .filter((name) => name.startsWith("root"))
      .map((name) => readFileSync(join(keys, name), "utf8")),
    objectKeys: [...keysBelow(join(objects, "staging"), "s/"), ...keysBelow(join(objects, "vault"), "v/")],
    readFile: (key) =>
      readFileSync(`${join(objects, key.startsWith("s/") ? "staging" : "vault", key.slice(2))}@`),
  };
}

const readLines = <Row>(path: string): Row[] =>
  readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Row);

/** The file of a key ends with `@`, which is no letter of keys. */
const keysBelow = (directory: string, prefix: string): string[] =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith("@"))
    .map((entry) => `${prefix}${relative(directory, join(entry.parentPath, entry.name)).slice(0, -1)}`);

/** The bytes of an object's file: data ‖ facts as JSON ‖ length of the facts (uint32, big endian) ‖ "SRO1". Throws when it is cut short. */
export function readObject(file: Buffer): { data: Buffer; modifiedAt: number } {
  if (file.subarray(-4).toString() !== "SRO1") throw new Error("the file is cut short");
  const start = file.length - 8 - file.readUInt32BE(file.length - 8);
  const facts = JSON.parse(file.subarray(start, -8).toString()) as { modifiedAt: string };
  return { data: file.subarray(0, start), modifiedAt: Date.parse(facts.modifiedAt) };
}

/**
 * One promise, how many things were looked at, and each that breaks it in a sentence; `unjudged`: of which nothing could be
 * said, and `notes` why. `tooSlow`: what the machine was too slow to tell, in sentences: with one of these, the promise as a whole is not judged.
 */
export type Verdict = {
  id: string;
  promise: string;
  looked: number;
  unjudged?: number;
  notes?: string[];
  tooSlow?: string[];
  violations: string[];
};

/** History entries of one sort. */
export function entriesOf<What extends Entry["what"]>(
  { history }: Pick<JudgedRun, "history">,
  what: What,
): EntryOf<What>[] {
  return history.filter((entry): entry is EntryOf<What> => entry.what === what);
}

/** How much longer than on an idle machine things may take that a process has to do; 1 unless measured. */
export const slownessOf = (run: JudgedRun): number =>
  Math.max(1, ...entriesOf(run, "quiet").map(({ slowness }) => slowness));

/** Values by a key, in their order. */
export function groupBy<Value>(
  values: Iterable<Value>,
  keyOf: (value: Value) => string,
): Map<string, Value[]> {
  const groups = new Map<string, Value[]>();
  for (const value of values) {
    const group = groups.get(keyOf(value));
    if (group) group.push(value);
    else groups.set(keyOf(value), [value]);
  }
  return groups;
}
