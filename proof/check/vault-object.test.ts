import {
  buildClient,
  CommitmentPolicy,
  RawAesKeyringNode,
  RawAesWrappingSuiteIdentifier,
} from "@aws-crypto/client-node";
import { processOnce, query, receive } from "@strongroom/local/test-pipeline";
import { type TestWorld, testWorld } from "@strongroom/local/test-world";
import { createHash, randomBytes } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openDataKey } from "./open-data-key.ts";
import { openSealed } from "./open-sealed.ts";

/** Two frames and a bit, so that more than one frame must be in its place. */
const photo = randomBytes(2 * 256 * 1024 + 1_234);
let world: TestWorld;
let tenant: string;
let document: string;
beforeAll(async () => {
  world = await testWorld();
  const bell = await receive(world, world.dora, [photo]);
  const outcome = await processOnce(world.ports, bell);
  if (outcome !== "stored") throw new Error(`the document is ${outcome}`);
  [tenant, document] = [bell.tenantId, bell.documentId];
});
afterAll(() => world.close());

/** What stands in the database about the original, read as an operator would with psql. */
async function manifest() {
  const [row] = await query<{ vault_key: string; attempt: string; sha256: string; wrapped: Buffer }>(
    world,
    `select vault_key, artefact.attempt, sha256, wrapped from artefact join document_key using (tenant_id, document_id)
     where document_id = $1 and name = 'original-1'`,
    [document],
  );
  return row!;
}

/** The sealed bytes of an object: the file without the store's own facts, their length (4 bytes) and "SRO1". */
async function fromDisk(vaultKey: string): Promise<Buffer> {
  const file = await readFile(join(world.directory, "objects", "vault", `${vaultKey.slice("v/".length)}@`));
  expect(file.subarray(-4).toString()).toBe("SRO1");
  return file.subarray(0, -8 - file.readUInt32BE(file.length - 8));
}

/** The data key, opened by hand with the root key file. */
async function dataKeyOf({ wrapped, attempt }: { wrapped: Buffer; attempt: string }): Promise<Buffer> {
  const directory = join(world.directory, "keys");
  const [name] = (await readdir(directory)).filter((one) => one.startsWith("root"));
  const context = { app: "strongroom", tenant, document, attempt };
  return openDataKey(await readFile(join(directory, name!), "utf8"), wrapped, context);
}

test("a stored document opens with the plain AWS Encryption SDK, its file from the vault, its row and the root key file", async () => {
  const row = await manifest();
  const keyring = new RawAesKeyringNode({
    keyNamespace: "strongroom",
    keyName: document,
    unencryptedMasterKey: Uint8Array.from(await dataKeyOf(row)),
    wrappingSuite: RawAesWrappingSuiteIdentifier.AES256_GCM_IV12_TAG16_NO_PADDING,
  });
  const client = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT);
  const { plaintext, messageHeader } = await client.decrypt(keyring, await fromDisk(row.vault_key));
  expect(plaintext.equals(photo)).toBe(true);
  expect({ ...messageHeader.encryptionContext }).toEqual({
    app: "strongroom",
    tenant,
    document,
    artefact: "original-1",
    attempt: row.attempt,
  });
  expect(messageHeader).toMatchObject({ suiteId: 0x0478, frameLength: 256 * 1024 });
});

test("and with the independent reader, which knows neither the product nor the SDK", async () => {
  const row = await manifest();
  const { plaintext } = openSealed(await fromDisk(row.vault_key), await dataKeyOf(row));
  expect(plaintext.equals(photo)).toBe(true);
  expect(createHash("sha256").update(plaintext).digest("hex")).toBe(row.sha256);
});

test("neither the vault nor the wrapped key holds the plaintext or the data key", async () => {
  const row = await manifest();
  const needles = [photo.subarray(1_000, 1_032), await dataKeyOf(row)];
  const vault = join(world.directory, "objects", "vault");
  for (const name of await readdir(vault, { recursive: true })) {
    if (!name.endsWith("@")) continue;
    const bytes = await readFile(join(vault, name));
    for (const needle of needles) expect(bytes.includes(needle)).toBe(false);
  }
  for (const needle of needles) expect(row.wrapped.includes(needle)).toBe(false);
});
