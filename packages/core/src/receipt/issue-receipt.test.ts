import { randomBytes } from "node:crypto";
import { processOnce, query, receive, rowOf, standInRenderer } from "@strongroom/local/test-pipeline";
import { newDocumentId, type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkpointAudit, lastCheckpoint } from "../audit/checkpoint-audit.ts";
import { sha256Hex } from "../digest.ts";
import { issueReceipt } from "./issue-receipt.ts";
import { readReceipt } from "./read-receipt.ts";
import { receiptKeys } from "./receipt-keys.ts";
import { readReceipt as claimsOf } from "./receipt.ts";
import { verifyReceipt } from "./verify-receipt.ts";

let world: TestWorld;
beforeAll(async () => (world = await testWorld()));
afterAll(() => world.close());

async function stored(files = [randomBytes(40)]) {
  const bell = await receive(world, world.dora, files);
  await processOnce(world.ports, bell);
  return bell;
}

const receiptOf = async (documentId: string) =>
  await query<{ jws: string; created_at: Date }>(
    world,
    "select jws, created_at from receipt where document_id = $1",
    [documentId],
  );

describe("the receipt of a stored document", () => {
  it("states what was received and stored, when, and under which keys, and verifies with the published ones and the photo", async () => {
    const files = [randomBytes(40), randomBytes(41)];
    const bell = await stored(files);
    await checkpointAudit(world.ports);
    await issueReceipt(world.ports, bell.tenantId, bell.documentId);
    const jws = await readReceipt(world.ports, world.dora, bell.documentId);
    const row = await rowOf(world, bell);
    const [key] = await query<{ root_key_id: string }>(
      world,
      "select root_key_id from document_key where document_id = $1",
      [bell.documentId],
    );
    expect(claimsOf(jws)).toEqual({
      iss: world.config.publicUrl,
      iat: Math.floor((row["settled_at"] as Date).getTime() / 1_000),
      tenant: bell.tenantId,
      document: bell.documentId,
      confirmationCode: row["confirmation_code"],
      kind: "cmr",
      loadNumber: null,
      originals: files.map((bytes, index) => ({
        position: index + 1,
        sha256: sha256Hex(bytes),
        sizeBytes: bytes.length,
      })),
      receivedAt: (row["received_at"] as Date).toISOString(),
      storedAt: (row["settled_at"] as Date).toISOString(),
      keyId: key!.root_key_id,
      checkpoint: await lastCheckpoint(world.ports),
    });
    const originals = files
      .toReversed()
      .map((bytes) => ({ sha256: sha256Hex(bytes), sizeBytes: bytes.length }));
    expect(await verifyReceipt(jws, await receiptKeys(world.ports), originals)).toMatchObject({
      outcome: "valid",
      positions: [2, 1],
    });
  });

  it("is signed once: a second call, a second relay and an edit later change nothing", async () => {
    const bell = await stored();
    await Promise.all([
      issueReceipt(world.ports, bell.tenantId, bell.documentId),
      issueReceipt(world.ports, bell.tenantId, bell.documentId),
    ]);
    const first = await receiptOf(bell.documentId);
    expect(first).toHaveLength(1);
    await query(world, "update document set kind = 'invoice' where id = $1", [bell.documentId]);
    const keys = { ...world.ports.keys, sign: () => Promise.reject(new Error("signed again")) };
    await issueReceipt({ ...world.ports, keys }, bell.tenantId, bell.documentId);
    expect(await receiptOf(bell.documentId)).toEqual(first);
  });

  it("is not made for a document that is not stored, not there, or another tenant's", async () => {
    const [received, bell] = [await receive(world, world.dora, [randomBytes(5)]), await stored()];
    await issueReceipt(world.ports, received.tenantId, received.documentId);
    await issueReceipt(world.ports, received.tenantId, newDocumentId());
    await issueReceipt(world.ports, world.franz.tenantId, bell.documentId);
    expect([...(await receiptOf(received.documentId)), ...(await receiptOf(bell.documentId))]).toEqual([]);
  });
});

describe("asking for a receipt", () => {
  it("is refused while it is being signed, with a second to wait", async () => {
    const { documentId } = await stored();
    await expect(readReceipt(world.ports, world.dora, documentId)).rejects.toMatchObject({
      code: "no_receipt_yet",
      status: 409,
      retryAfterSeconds: 1,
    });
  });

  it("is refused with the state named while the document is not stored", async () => {
    const bell = await receive(world, world.dora, [randomBytes(6)]);
    await expect(readReceipt(world.ports, world.dora, bell.documentId)).rejects.toMatchObject({
      code: "no_receipt_yet",
      retryAfterSeconds: null,
      message: expect.stringContaining("received"),
    });
    await processOnce(world.ports, bell, {
      renderer: standInRenderer(() => ({ outcome: "unsupported", detected: null })),
    });
    await expect(readReceipt(world.ports, world.dora, bell.documentId)).rejects.toMatchObject({
      message: expect.stringContaining("rejected"),
    });
  });

  it("is answered like an unknown document to whoever may not see it", async () => {
    const bell = await stored();
    await issueReceipt(world.ports, bell.tenantId, bell.documentId);
    for (const stranger of [world.emil, world.franz]) {
      await expect(readReceipt(world.ports, stranger, bell.documentId)).rejects.toMatchObject({
        code: "not_found",
        status: 404,
      });
    }
    expect(await readReceipt(world.ports, world.agnes, bell.documentId)).toBe(
      (await receiptOf(bell.documentId))[0]!.jws,
    );
  });
});

it("published keys hold the public half only", async () => {
  const { keys } = await receiptKeys(world.ports);
  expect(keys.map((key) => Object.keys(key).toSorted())).toEqual([
    ["alg", "crv", "kid", "kty", "use", "x", "y"],
  ]);
});
