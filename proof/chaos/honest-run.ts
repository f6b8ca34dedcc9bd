import { randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { checkpointSha256, signCheckpoint } from "@strongroom/core/audit/checkpoint";
import { seal } from "@strongroom/core/document/sealing";
import { createEmbeddedKeys } from "@strongroom/core/embedded/keys";
import { signReceipt } from "@strongroom/core/receipt/receipt";
import { hashOf } from "../check/check-audit.ts";
import type { AuditRow, Document, JudgedRun, OutboxRow, Tables } from "../check/judged-run.ts";
import { honestHistory } from "./honest-history.ts";
import {
  ago,
  driver,
  dumpedAt,
  hex,
  page,
  phone,
  rejected,
  stagingKey,
  stored,
  tenant,
  told,
  waiting,
} from "./honest-names.ts";

const scratch = await mkdtemp(join(tmpdir(), "strongroom-judge-"));
const keys = await createEmbeddedKeys({ directory: scratch });
const rootKey = await readFile(keys.rootKeyPath, "utf8");
await rm(scratch, { recursive: true }); // they live in memory from now on

export const vaultKey = (token: number, name = "original-1") => `v/00/${tenant}/${stored}/${token}/${name}`;
/** What lies in the vault of the document that is stored: its file, and what is shown of it. */
const artefactNames = ["original-1", "page-1", "thumbnail-1"];

/** A file of the object store. */
export function objectFile(data: Uint8Array, modifiedAt = ago(30_000)): Buffer {
  const facts = Buffer.from(JSON.stringify({ modifiedAt }));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(facts.length);
  return Buffer.concat([data, facts, length, Buffer.from("SRO1")]);
}

async function sealAll(): Promise<{ sealed: Map<string, Buffer>; wrapped: string }> {
  const context = { app: "strongroom", tenant, document: stored, attempt: "7" };
  const { plaintext, wrapped } = await keys.generateDataKey(context);
  const sealed = new Map<string, Buffer>();
  for (const artefact of artefactNames) {
    const sealing = seal({ tenantId: tenant, documentId: stored, artefact, attempt: "7" }, plaintext);
    sealing.end(page(stored));
    sealed.set(artefact, await buffer(sealing));
  }
  return { sealed, wrapped: `\\x${Buffer.from(wrapped).toString("hex")}` };
}
const { sealed, wrapped } = await sealAll();
export const data = sealed.get("original-1")!;
const published = await keys.publicKeys();

/** Numbers and hashes the lines of the audit as they stand. */
export function chained(audit: AuditRow[]): AuditRow[] {
  let before = "0".repeat(64);
  return audit.map((row, index) => {
    const { tenant_id: tenantId, entry_id: id, at, actor, action, subject, detail } = row;
    const entry = { tenantId, id, at, actor, action, subject, detail };
    const [sequence, previousHash] = [index + 1, before];
    const hash = hashOf({ sequence, previousHash, hash: null, entry });
    before = hash;
    return { ...row, sequence, previous_hash: previousHash, hash };
  });
}

/** Signed over the head that the trail has after its first entries; it follows on none. */
export async function checkpointOver(audit: AuditRow[], entries: number) {
  const { sequence, hash } = audit[entries - 1]!;
  const checkpoint = {
    sequence: 1,
    at: ago(45_000),
    previousSha256: null,
    heads: [{ tenantId: tenant, sequence: sequence!, hash: hash! }],
  };
  return { sequence: 1, sha256: checkpointSha256(checkpoint), jws: await signCheckpoint(keys, checkpoint) };
}

/** Over the page of the document, unless it is to be over another. */
export async function receiptOf(
  document: string,
  { bytes = page(document), checkpointSha = checkpoint.sha256 } = {},
) {
  const jws = await signReceipt(keys, {
    iss: "http://127.0.0.1",
    tenant,
    document,
    confirmationCode: "K7QD-3MXA",
    kind: "cmr",
    loadNumber: null,
    originals: [{ position: 1, sha256: hex(bytes), sizeBytes: bytes.length }],
    receivedAt: ago(50_000),
    storedAt: ago(40_000),
    keyId: "root",
    checkpoint: { sequence: 1, sha256: checkpointSha },
  });
  return { tenant_id: tenant, document_id: document, jws };
}
const written = facts();
export const checkpoint = await checkpointOver(written.audit, 6);
export const receipt = await receiptOf(stored);
function tables(): Tables {
  return {
    document: [
      documentRow(stored, "stored", { lease_token: 7, version: 3 }),
      documentRow(rejected, "rejected", { lease_token: 8, version: 5, reason: "unsupported_type" }),
      documentRow(waiting, "granted", { received_at: null, settled_at: null, version: 1 }),
    ],
    document_file: [stored, rejected, waiting].map((document) => ({
      tenant_id: tenant,
      document_id: document,
      position: 1,
      size_bytes: page(document).length,
      sha256: hex(page(document)),
      staging_key: stagingKey(document),
      arrived_at: document === waiting ? null : ago(50_000),
    })),
    artefact: [...sealed].map(([name, bytes]) => ({
      tenant_id: tenant,
      document_id: stored,
      name,
      attempt: 7,
      size_bytes: page(stored).length,
      sha256: hex(page(stored)),
      sealed_size_bytes: bytes.length,
      sealed_sha256: hex(bytes),
      vault_key: vaultKey(7, name),
    })),
    document_key: [{ tenant_id: tenant, document_id: stored, attempt: 7, wrapped }],
    ...structuredClone(written),
    audit_head: [{ tenant_id: tenant, sequence: written.audit.length, hash: written.audit.at(-1)!.hash! }],
    audit_checkpoint: [checkpoint],
    device: [
      { tenant_id: tenant, id: phone, user_id: driver, push_token: "live", dropped_at: null },
      { tenant_id: tenant, id: phone, user_id: driver, push_token: "dead", dropped_at: ago(20_000) },
    ],
    push_inbox: told.map(([document, version]) => ({ token: "live", tag: `${document}.${version}` })),
    receipt: [{ tenant_id: tenant, document_id: stored, jws: receipt.jws }],
  };
}

/** What a sound run leaves behind: one document stored, one that failed and was rejected when it was redriven, one whose client left. */
export function honestRun(): JudgedRun & { files: Map<string, Buffer> } {
  const files = new Map([
    [stagingKey(stored), objectFile(page(stored))],
    [stagingKey(rejected), objectFile(page(rejected))],
    ...[...sealed].map(([name, bytes]) => [vaultKey(7, name), objectFile(bytes)] as const),
    ["v/checkpoints/000000000001", objectFile(Buffer.from(checkpoint.jws))],
  ]);
  return {
    dumpedAt,
    periods: {
      silence: 4_000,
      reconcile: 4_000,
      keepStored: 100_000,
      keepRejected: 700_000,
      keepExpired: 100_000,
      orphanGrace: 80_000,
      sweep: 240_000,
      checkpoint: 30_000,
    },
    demands: {
      attacks: true,
      stops: 14,
      relayKills: 2,
      kills: {
        together: 4,
        each: { processor: 1, decoder: 1, relay: 1, notifier: 1, main: 1, postgres: 1 },
      },
      restarts: 1,
      faults: {
        rates: { error: 0.05, lost: 0.03, unacknowledged: 0.05, duplicate: 0.1, drop: 0.005 },
        asked: 10_000,
        apart: 5_000,
        clients: { refuse: { share: 0.03, asked: 10_000 }, replay: { share: 0.05, asked: 9_000 } },
      },
    },
    history: honestHistory(published),
    tables: tables(),
    rootKeys: [rootKey],
    get objectKeys() {
      return [...files.keys()];
    },
    files,
    readFile: (key) => {
      const file = files.get(key);
      if (!file) throw new Error(`there is no object ${key}`);
      return file;
    },
  };
}

function documentRow(id: string, state: string, more: Partial<Document>): Document {
  return {
    tenant_id: tenant,
    id,
    owner_id: driver,
    state,
    version: 1,
    reason: null,
    lease_token: null,
    created_at: ago(60_000),
    received_at: ago(50_000),
    settled_at: ago(40_000),
    staging_cleared_at: null,
    ...more,
  };
}

function facts() {
  const steps: [string, string, string, number, number?][] = [
    [stored, "upload.accepted", "granted", 1],
    [rejected, "upload.accepted", "granted", 1],
    [waiting, "upload.accepted", "granted", 1],
    [stored, "document.received", "received", 2],
    [rejected, "document.received", "received", 2],
    [stored, "document.claimed", "processing", 2, 5],
    [rejected, "document.claimed", "processing", 2, 6],
    [stored, "document.claimed", "processing", 2, 7],
    [rejected, "document.failed", "failed", 3, 6],
    [stored, "document.stored", "stored", 3, 7],
    [rejected, "document.redriven", "received", 4],
    [rejected, "document.claimed", "processing", 4, 8],
    [rejected, "document.rejected", "rejected", 5, 8],
  ];
  const line = (subject: string, action: string, detail: AuditRow["detail"]) => ({ subject, action, detail });
  const lines = [
    ...steps.map(([subject, action, state, version, token]) =>
      line(subject, action, { state, version, ...(token !== undefined && { token }) }),
    ),
    ...told.map(([document, version]) => line(document, "user.notified", { version })),
    line(phone, "device.registered", {}),
  ];
  const unchained = lines.map((one, index): AuditRow => {
    const place = { sequence: null, previous_hash: null, hash: null };
    const who = { tenant_id: tenant, entry_id: randomUUID(), at: ago(50_000), actor: "somebody" };
    return { id: index + 1, ...who, ...one, ...place };
  });
  const audit = chained(unchained);
  const events = steps.filter(([, action]) => action !== "document.claimed");
  const notices = told.map(([document, version]) => [document, "user.notified", "", version] as const);
  const outbox = [...events, ...notices].map(([document, type, , version], index): OutboxRow => ({
    tenant_id: tenant,
    id: index + 1,
    event_id: randomUUID(),
    topic: type === "user.notified" ? "users" : "documents",
    type,
    document_id: document,
    version,
    published_at: ago(30_000),
  }));
  const stream = outbox.map((row, index) => ({
    topic: row.topic,
    partition: 0,
    record_offset: index,
    key: row.document_id,
    value: JSON.stringify({
      id: row.event_id,
      type: `${row.type}.v1`,
      subject: row.document_id,
      version: row.version,
    }),
  }));
  return { audit, outbox, stream_record: [...stream, { ...stream[0]!, record_offset: 99 }] };
}
