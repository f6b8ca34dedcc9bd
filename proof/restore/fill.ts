import { createHash, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { withClient } from "@strongroom/core/database/roles";
import { sealDocument, type SealedDocument } from "@strongroom/core/document/seal-document";
import { fingerprintOf } from "@strongroom/core/fingerprint";
import { systemIds } from "@strongroom/core/ids";
import type { Connection } from "@strongroom/core/ports/database";
import type { Ports } from "@strongroom/core/ports/ports";
import { signReceipt } from "@strongroom/core/receipt/receipt";
import { grantFacts } from "@strongroom/core/upload/grant-facts";
import { stagingKey } from "@strongroom/core/upload/staging-key";
import { seededPeople } from "@strongroom/local/seed";
import { padJpeg } from "@strongroom/local/test-files";
import type { Kept } from "./judge-restored.ts";

type FillPorts = Pick<Ports, "objects" | "keys" | "config">;
const { tenantId, userId } = seededPeople.find(({ name }) => name === "Dora Lind")!;
const sha256 = (bytes: Uint8Array | string) => createHash("sha256").update(bytes).digest("hex");
const dayMs = 24 * 60 * 60 * 1000;
/** Documents made at once, and rows written in one statement. */
const [atOnce, batch] = [8, 400];

/** Makes so many documents that were stored long ago, really sealed and really signed for; their rows come by SQL. */
export async function fillStored(
  ports: FillPorts,
  superuser: Connection,
  { documents, bytes }: { documents: number; bytes: number },
): Promise<Kept[]> {
  const kept: Kept[] = [];
  for (let from = 1; from <= documents; from += batch) {
    const tokens = Array.from({ length: Math.min(batch, documents + 1 - from) }, (_, index) => from + index);
    const made: Rows[] = [];
    while (tokens.length > 0)
      made.push(
        ...(await Promise.all(tokens.splice(0, atOnce).map((token) => makeStored(ports, token, bytes)))),
      );
    await insert(superuser, made);
    kept.push(
      ...made.map(({ document: { id, size_bytes, request_sha256 } }) =>
        keptAs(id, request_sha256, size_bytes),
      ),
    );
  }
  await withClient(superuser, (client) =>
    client.query("select setval('lease_token', $1)", [Math.max(1, documents)]),
  );
  return kept;
}

const keptAs = (document: string, hash: string, sizeBytes: number): Kept => ({
  tenant: tenantId,
  user: userId,
  document,
  files: [{ sha256: hash, sizeBytes }],
});

type Rows = Record<"document_file" | "artefact" | "document_key" | "receipt", object> & {
  document: { id: string; size_bytes: number; request_sha256: string } & Record<string, unknown>;
};

async function makeStored(ports: FillPorts, token: number, sizeBytes: number): Promise<Rows> {
  const id = systemIds.uuid();
  const content = randomBytes(sizeBytes);
  const made = {
    id,
    token,
    sizeBytes,
    hash: sha256(content),
    at: new Date(Date.now() - 91 * dayMs).toISOString(),
  };
  const original = {
    name: "original-1",
    mediaType: "image/jpeg",
    sizeBytes,
    sha256: made.hash,
    fingerprint: fingerprintOf(content),
    givesChunks: false,
    open: () => Readable.from([content]),
  };
  const sealing = { tenantId, documentId: id, token, artefacts: [original] };
  const sealed = await sealDocument(ports, { ...sealing, signal: new AbortController().signal });
  const jws = await signReceipt(ports.keys, {
    iss: ports.config.publicUrl,
    tenant: tenantId,
    document: id,
    confirmationCode: "ABCD-EFGH",
    kind: "cmr",
    loadNumber: null,
    originals: [{ position: 1, sha256: made.hash, sizeBytes }],
    receivedAt: made.at,
    storedAt: made.at,
    keyId: sealed.rootKeyId,
    checkpoint: null,
  });
  const receipt = { tenant_id: tenantId, document_id: id, jws, created_at: made.at };
  return { document: documentOf(made), ...sealedRows(made, sealed), receipt };
}

type Made = { id: string; token: number; sizeBytes: number; hash: string; at: string };

function documentOf({ id, token, sizeBytes, hash, at }: Made): Rows["document"] {
  return {
    tenant_id: tenantId,
    id,
    owner_id: userId,
    kind: "cmr",
    state: "stored",
    version: 3,
    request_sha256: hash,
    content_sha256: sha256(hash),
    size_bytes: sizeBytes,
    confirmation_code: "ABCD-EFGH",
    lease_token: token,
    page_count: 1,
    created_at: at,
    changed_at: at,
    received_at: at,
    settled_at: at,
    staging_cleared_at: at,
    grant_expires_at: at,
    ...unset,
  };
}

function sealedRows(
  { id, token, sizeBytes, hash, at }: Made,
  { artefacts: [sealed], wrappedKey, rootKeyId }: SealedDocument,
): Pick<Rows, "document_file" | "artefact" | "document_key"> {
  const of = { tenant_id: tenantId, document_id: id };
  const file = { media_type: "image/jpeg", size_bytes: sizeBytes, sha256: hash };
  return {
    document_file: {
      ...of,
      ...file,
      id: systemIds.uuid(),
      position: 1,
      name: "page-1",
      staging_key: `s/none/${id}`,
    },
    artefact: {
      ...of,
      ...file,
      name: sealed!.name,
      attempt: token,
      sealed_size_bytes: sealed!.sealedSizeBytes,
      sealed_sha256: sealed!.sealedSha256,
      vault_key: sealed!.vaultKey,
      version_id: sealed!.versionId,
      created_at: at,
    },
    document_key: {
      ...of,
      attempt: token,
      wrapped: `\\x${Buffer.from(wrappedKey).toString("hex")}`,
      root_key_id: rootKeyId,
      created_at: at,
    },
  };
}

/** Columns whose defaults a row from JSON does not get. */
const unset = {
  review: "unreviewed",
  legal_hold: false,
  holds: {},
  claims: 0,
  decode_crashes: 0,
  retries: 0,
  waits_turn: false,
};

async function insert(superuser: Connection, rows: Rows[]): Promise<void> {
  await withClient(superuser, async (client) => {
    await client.query("begin");
    await client.query("set local session_replication_role = replica"); // documents begin as granted, for all others
    for (const table of ["document", "document_file", "artefact", "document_key", "receipt"] as const)
      await client.query(
        `insert into ${table} select * from jsonb_populate_recordset(null::${table}, $1::jsonb)`,
        [JSON.stringify(rows.map((row) => row[table]))],
      );
    await client.query("commit");
  });
}

/** Leaves so many whole documents in staging that no row knows, as they lie there after a restore. */
export async function fillForgotten(ports: FillPorts, documents: number): Promise<Kept[]> {
  const kept: Kept[] = [];
  const photo = await readFile(join(import.meta.dirname, "../../packages/local/samples/delivery-note.jpg"));
  for (let made = 0; made < documents; made += 1) {
    const page = padJpeg(photo, photo.length + 100);
    const [id, fileId, hash] = [systemIds.uuid(), systemIds.uuid(), sha256(page)];
    const file = { id: fileId, position: 1, sha256: hash, part_sha256: null };
    const document = {
      tenant_id: tenantId,
      id,
      owner_id: userId,
      kind: "cmr" as const,
      version: 1,
      created_at: new Date(),
      replaces: null,
      request_sha256: sha256(id),
      content_sha256: sha256(hash),
    };
    await ports.objects.put(
      stagingKey(systemIds, { tenantId, documentId: id, fileId }),
      Readable.from([page]),
      {
        sizeBytes: page.length,
        mediaType: "image/jpeg",
        metadata: grantFacts(document, file),
      },
    );
    kept.push(keptAs(id, hash, page.length));
  }
  return kept;
}
