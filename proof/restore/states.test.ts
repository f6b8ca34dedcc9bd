import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { type DocumentState, documentStates } from "@strongroom/core/document/document";
import { connectEmbedded, type EmbeddedPorts } from "@strongroom/core/embedded/connect";
import { claimDocument } from "@strongroom/core/job/claim-document";
import { redriveDocument } from "@strongroom/core/job/redrive-document";
import { DocumentId } from "@strongroom/core/ids";
import { silentLog } from "@strongroom/core/log";
import { issueReceipt } from "@strongroom/core/receipt/issue-receipt";
import { readReceipt } from "@strongroom/core/receipt/read-receipt";
import { receiptKeys } from "@strongroom/core/receipt/receipt-keys";
import { beginErasure } from "@strongroom/core/retention/begin-erasure";
import { finishErasures } from "@strongroom/core/retention/finish-erasures";
import { eraseDocument } from "@strongroom/core/retention/erase-document";
import { replayTombstones } from "@strongroom/core/retention/replay-tombstones";
import { acceptUpload } from "@strongroom/core/upload/accept-upload";
import { completeUpload } from "@strongroom/core/upload/complete-upload";
import { reconcile } from "@strongroom/core/upload/reconcile";
import { dumpTables, restoreTables } from "@strongroom/local/test-backup";
import { type TestDatabase, testDatabase } from "@strongroom/local/test-database";
import { announce, newPage, receive, walkTo } from "@strongroom/local/test-documents";
import { lapse, processOnce, query } from "@strongroom/local/test-pipeline";
import { declare, newDocumentId, putAll, type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { verifiedClaims } from "../check/verify-receipt.ts";
import { openVault } from "../erasure/open-vault.ts";

/** `sent`: granted, and all of it is there, but nobody has heard of it. `erasing`: somebody has asked for it, and died. */
type Case = DocumentState | "sent" | "erasing";
const sealedStates: readonly Case[] = ["stored", "archived", "restoring"];

let lost: TestWorld;
let backup: string;
let restored: { ports: EmbeddedPorts; database: TestDatabase; directory: string };
/** A document in every state, as the backup has it. */
const ids = new Map<Case, DocumentId>();
const bellOf = (name: Case) => ({ tenantId: lost.dora.tenantId, documentId: ids.get(name)! });
const page = newPage();
const expiredRequest = { id: newDocumentId(), kind: "cmr", files: [declare(page)] };

async function bring(to: Case): Promise<string> {
  const { ports, dora } = lost;
  if (to === "expired") {
    await acceptUpload(ports, dora, expiredRequest);
    await walkTo(lost, expiredRequest.id, to);
    return expiredRequest.id;
  }
  if (to === "granted" || to === "sent") {
    const pages = [page, newPage()];
    const { document, uploads } = await announce(lost, dora, pages);
    await putAll(to === "sent" ? uploads : uploads.slice(1), pages);
    return document.id;
  }
  const { id } = await receive(lost, dora, [newPage()]);
  const bell = { tenantId: dora.tenantId, documentId: DocumentId.parse(id) };
  if (to === "processing") await claimDocument(ports, bell, "worker:lost");
  else if (to === "erased" || to === "erasing" || sealedStates.includes(to)) {
    expect(await processOnce(ports, bell)).toBe("stored");
    await issueReceipt(ports, bell.tenantId, id);
    if (to === "erased") await eraseDocument(ports, lost.arne, id);
    else if (to === "erasing") await beginErasure(ports, bell, `user:${lost.arne.userId}`);
    else await walkTo(lost, id, to as DocumentState);
  } else await walkTo(lost, id, to as DocumentState);
  return id;
}

beforeAll(async () => {
  lost = await testWorld();
  for (const state of [...documentStates, "sent", "erasing"] as const)
    ids.set(state, DocumentId.parse(await bring(state)));
  const tables = await dumpTables(lost.database.superuser);
  backup = await mkdtemp(join(tmpdir(), "strongroom-states-"));
  for (const part of ["keys", "objects"])
    await cp(join(lost.directory, part), join(backup, part), { recursive: true });
  const database = await testDatabase();
  await restoreTables(database.superuser, tables);
  const backend = { ...lost.config.backend, dataDirectory: backup, connections: database.connections };
  const ports = await connectEmbedded({ ...lost.config, backend }, silentLog);
  restored = { ports, database, directory: backup };
  await replayTombstones(ports);
}, 120_000);
afterAll(async () => {
  await restored.ports.close();
  await restored.database.drop();
  await rm(backup, { recursive: true, force: true });
  await lost.close();
});

const stateOf = async (name: Case) =>
  (await query<{ state: string }>(restored, "select state from document where id = $1", [ids.get(name)]))[0]!
    .state;

describe("of a restored database, a document that was", () => {
  it.each(sealedStates)("%s opens, and its receipt verifies", async (name) => {
    const { documentId } = bellOf(name);
    const readable = await openVault(restored.database.superuser, restored.directory);
    expect(readable.get(documentId)).toBeGreaterThan(0);
    const jws = await readReceipt(restored.ports, lost.dora, documentId);
    const claims = verifiedClaims(jws, await receiptKeys(lost.ports));
    expect([claims.tenant, claims.document]).toEqual([lost.dora.tenantId, documentId]);
    expect(await stateOf(name)).toBe(name);
  });

  it("erased stays unreadable, and there is nothing to replay", async () => {
    expect(await replayTombstones(restored.ports)).toBe(0);
    const readable = await openVault(restored.database.superuser, restored.directory);
    expect([readable.has(bellOf("erased").documentId), await stateOf("erased")]).toEqual([false, "erased"]);
  });

  it("noted to be erased, without a tombstone, is erased by the reconciler's step", async () => {
    expect(await stateOf("erasing")).toBe("stored");
    const { config } = restored.ports;
    const impatient = { ...config, periods: { ...config.periods, silence: -60_000 } };
    expect(await finishErasures({ ...restored.ports, config: impatient })).toBe(1);
    expect(await stateOf("erasing")).toBe("erased");
  });

  it("received is processed from staging", async () => {
    expect(await processOnce(restored.ports, bellOf("received"))).toBe("stored");
  });

  it("in the hands of a worker is taken over once its lease is past", async () => {
    expect(await processOnce(restored.ports, bellOf("processing"))).toBe("skipped");
    await lapse({ ...lost, ...restored } as TestWorld, bellOf("processing"), 60_000);
    expect(await processOnce(restored.ports, bellOf("processing"))).toBe("stored");
  });

  it("all sent, and nobody had heard of it, is received by the reconciler", async () => {
    await query(
      restored,
      "update document set grant_expires_at = grant_expires_at - interval '1 hour' where id = $1",
      [ids.get("sent")],
    );
    await reconcile(restored.ports);
    expect(await processOnce(restored.ports, bellOf("sent"))).toBe("stored");
  });

  it("granted waits for the page that is missing, and for no other", async () => {
    const { documentId } = bellOf("granted");
    const completing = () => completeUpload(restored.ports, lost.dora, documentId);
    await expect(completing()).rejects.toMatchObject({
      code: "upload_incomplete",
      details: { missing: [1] },
    });
    await send(documentId);
    expect(await completing()).toMatchObject({ state: "received" });
    expect(await processOnce(restored.ports, bellOf("granted"))).toBe("stored");
  });

  it("expired is revived by its client", async () => {
    const { document } = await acceptUpload(restored.ports, lost.dora, expiredRequest);
    expect(document.state).toBe("granted");
    await send(expiredRequest.id);
    await completeUpload(restored.ports, lost.dora, expiredRequest.id);
    expect(await processOnce(restored.ports, bellOf("expired"))).toBe("stored");
  });

  it("failed can be redriven, and rejected stays rejected", async () => {
    await redriveDocument(restored.ports, lost.arne, ids.get("failed")!);
    expect(await processOnce(restored.ports, bellOf("failed"))).toBe("stored");
    expect(await stateOf("rejected")).toBe("rejected");
  });

  /** The first page, as its signed upload would bring it. */
  async function send(documentId: string): Promise<void> {
    const rows = await query<{ staging_key: string }>(
      restored,
      "select staging_key from document_file where document_id = $1 and position = 1",
      [documentId],
    );
    const options = { sizeBytes: page.length, mediaType: "image/jpeg" };
    await restored.ports.objects.put(rows[0]!.staging_key, Readable.from([page]), options);
  }
});

describe("without staging", () => {
  it("a document that the backup has on its way is tried, and kept as failed in the end: nothing is made up", async () => {
    const { id } = await receive(lost, lost.dora, [newPage()]);
    const bell = { tenantId: lost.dora.tenantId, documentId: DocumentId.parse(id) };
    const tables = await dumpTables(lost.database.superuser);
    await restoreTables(restored.database.superuser, tables);
    const impatient = { ...restored.ports, config: { ...restored.ports.config, maxRetries: 1 } };
    expect(await processOnce(impatient, bell)).toBe("failed");
  });
});
