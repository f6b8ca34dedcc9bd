import {
  buildClient,
  CommitmentPolicy,
  RawAesKeyringNode,
  RawAesWrappingSuiteIdentifier,
} from "@aws-crypto/client-node";
import { createEmbeddedKeys } from "@strongroom/core/embedded/keys";
import { type Addressee, frameBytes, seal } from "@strongroom/core/document/sealing";
import { type ReceiptFacts, signReceipt } from "@strongroom/core/receipt/receipt";
import { execFile } from "node:child_process";
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { afterAll, describe, expect, test } from "vitest";
import { openDataKey } from "./open-data-key.ts";
import { openSealed } from "./open-sealed.ts";

const scratch = await mkdtemp(join(tmpdir(), "strongroom-check-"));
afterAll(() => rm(scratch, { recursive: true }));
const file = async (name: string, bytes: string | Uint8Array) => {
  const path = join(scratch, name);
  await writeFile(path, bytes);
  return path;
};

/** Runs one of the programs here as an operator would, with no environment. */
function run(program: string, ...args: string[]): Promise<{ code: number; output: Buffer; faults: string }> {
  const path = join(import.meta.dirname, program);
  return new Promise((resolve) => {
    execFile(process.execPath, [path, ...args], { encoding: "buffer", env: {} }, (error, output, faults) =>
      resolve({ code: error ? Number(error.code) : 0, output, faults: faults.toString() }),
    );
  });
}

const keys = await createEmbeddedKeys({ directory: join(scratch, "keys") });
const rootKeyFile = await readFile(keys.rootKeyPath, "utf8");
const to: Addressee = {
  tenantId: randomUUID(),
  documentId: randomUUID(),
  artefact: "original-1",
  attempt: "42",
};
const context = {
  app: "strongroom",
  tenant: to.tenantId,
  document: to.documentId,
  artefact: "original-1",
  attempt: "42",
};
const keyContext = { tenant: to.tenantId, document: to.documentId, "naïve – €": "ü=" };
const { plaintext: dataKey, wrapped } = await keys.generateDataKey(keyContext);

async function sealed(plaintext: Uint8Array): Promise<Buffer> {
  const sealing = seal(to, dataKey);
  sealing.end(plaintext);
  return buffer(sealing);
}

const flipped = (bytes: Uint8Array, at: number, bit = 0) =>
  Buffer.from(bytes.with(at, bytes[at]! ^ (1 << bit)));

test("no program here knows the product: they import node's own modules only", async () => {
  for (const name of (await readdir(import.meta.dirname)).filter((one) => !one.endsWith(".test.ts"))) {
    const source = await readFile(join(import.meta.dirname, name), "utf8");
    const imports = [...source.matchAll(/(?:from|import\()\s*"(.+)"/g)].map(([, module]) => module!);
    expect(imports.filter((module) => !module.startsWith("node:") && !module.startsWith("./"))).toEqual([]);
  }
});

describe("a sealed document", () => {
  const sizes = [0, 1, frameBytes - 1, frameBytes, frameBytes + 1, 3 * frameBytes + 7];
  test.each(sizes)("of %i bytes opens with the independent reader, byte for byte", async (sizeBytes) => {
    const plaintext = randomBytes(sizeBytes);
    const opened = openSealed(await sealed(plaintext), openDataKey(rootKeyFile, wrapped, keyContext));
    expect(opened.plaintext.equals(plaintext)).toBe(true);
    expect(opened).toMatchObject({ context, keyNamespace: "strongroom", keyName: to.documentId });
  });

  test("opens with two programs and three files, without the product", async () => {
    const plaintext = randomBytes(frameBytes + 1);
    const pairs = Object.entries(keyContext).map(([name, value]) => `${name}=${value}`);
    const key = await run("open-data-key.ts", keys.rootKeyPath, await file("wrapped", wrapped), ...pairs);
    const keyFile = await file("data-key", key.output);
    const opened = await run("open-sealed.ts", await file("message", await sealed(plaintext)), keyFile);
    expect(opened.code).toBe(0);
    expect(opened.output.equals(plaintext)).toBe(true);
    expect(JSON.parse(opened.faults)).toEqual(context);
  });

  test("opens with the plain AWS Encryption SDK and a data key opened by hand", async () => {
    const plaintext = randomBytes(frameBytes + 1);
    const sdk = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT);
    const keyring = new RawAesKeyringNode({
      keyNamespace: "strongroom",
      keyName: to.documentId,
      unencryptedMasterKey: Uint8Array.from(openDataKey(rootKeyFile, wrapped, keyContext)),
      wrappingSuite: RawAesWrappingSuiteIdentifier.AES256_GCM_IV12_TAG16_NO_PADDING,
    });
    const opened = await sdk.decrypt(keyring, await sealed(plaintext));
    expect(opened.plaintext.equals(plaintext)).toBe(true);
    expect({ ...opened.messageHeader.encryptionContext }).toEqual(context);
    expect(opened.messageHeader.suiteId).toBe(0x0478);
  });

  test("does not open with the independent reader when one bit of it differs, it is cut, or longer", async () => {
    const message = await sealed(randomBytes(50));
    for (let at = 0; at < message.length; at += 1) {
      expect(() => openSealed(flipped(message, at, at % 8), dataKey), `byte ${at}`).toThrow();
      expect(() => openSealed(message.subarray(0, at), dataKey)).toThrow();
    }
    expect(() => openSealed(Buffer.concat([message, Buffer.alloc(1)]), dataKey)).toThrow("bytes follow");
    expect(() => openSealed(message, randomBytes(32))).toThrow();
  });

  test("has a data key that does not open when one bit of its wrapped form or context differs", () => {
    for (let at = 0; at < wrapped.length; at += 1) {
      expect(() => openDataKey(rootKeyFile, flipped(wrapped, at), keyContext)).toThrow();
    }
    expect(() => openDataKey(rootKeyFile, wrapped, { ...keyContext, tenant: to.documentId })).toThrow();
  });
});

describe("a receipt", async () => {
  const photo = randomBytes(5_000);
  const facts: ReceiptFacts = {
    iss: "https://strongroom.example",
    tenant: to.tenantId,
    document: to.documentId,
    confirmationCode: "K7QD-3MXA",
    kind: "bill_of_lading",
    loadNumber: null,
    originals: [
      { position: 1, sha256: createHash("sha256").update(photo).digest("hex"), sizeBytes: photo.length },
    ],
    receivedAt: "2030-01-02T03:04:05.678Z",
    storedAt: "2030-01-02T03:04:09.999Z",
    keyId: "root",
    checkpoint: null,
  };
  const receipt = await signReceipt(keys, facts);
  const jwks = JSON.stringify({ keys: await keys.publicKeys() });
  const [receiptFile, jwksFile, photoFile] = [
    await file("receipt.jws", `${receipt}\n`),
    await file("keys.json", jwks),
    await file("photo.jpg", photo),
  ];

  test("holds for the independent program, alone and with the photo", async () => {
    for (const files of [[], [photoFile]]) {
      const { code, output, faults } = await run("verify-receipt.ts", receiptFile, jwksFile, ...files);
      expect({ code, faults }).toEqual({ code: 0, faults: "" });
      expect(output.toString()).toMatch(
        /^The receipt holds: document .* was stored at 2030-01-02T03:04:09.999Z.*\.\n$/,
      );
    }
  });

  const anyBitOf = (bytes: Uint8Array, count: number) =>
    Array.from({ length: count }, (_, n) => flipped(bytes, Math.floor((n * bytes.length) / count), n % 7));
  const [x, y] = ["x", "y"].map((name) => jwks.indexOf(`"${name}":"`) + 10);

  test.each([
    ["the receipt", anyBitOf(Buffer.from(receipt), 12), (path: string) => [path, jwksFile, photoFile]],
    ["the photo", anyBitOf(photo, 3), (path: string) => [receiptFile, jwksFile, path]],
    [
      "the keys",
      [flipped(Buffer.from(jwks), x!), flipped(Buffer.from(jwks), y!)],
      (path: string) => [receiptFile, path, photoFile],
    ],
    [
      "the photo by one byte more",
      [Buffer.concat([photo, Buffer.alloc(1)])],
      (path: string) => [receiptFile, jwksFile, path],
    ],
  ])("does not hold when one bit differs in %s", async (_title, variants, argsWith) => {
    for (const [n, bytes] of variants.entries()) {
      const { code, output, faults } = await run(
        "verify-receipt.ts",
        ...argsWith(await file(`changed-${n}`, bytes)),
      );
      expect({ code, output: output.toString() }).toEqual({ code: 1, output: "" });
      expect(faults).toMatch(/^.+\n$/);
    }
  });

  test("does not hold without keys, and the program says how it is used", async () => {
    expect(await run("verify-receipt.ts", receiptFile)).toMatchObject({
      code: 1,
      faults: expect.stringContaining("Usage"),
    });
    const empty = await file("empty.json", '{"keys":[]}');
    expect((await run("verify-receipt.ts", receiptFile, empty)).faults).toMatch(/The keys do not hold/);
  });
});
