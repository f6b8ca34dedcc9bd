import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import type { Keys } from "../ports/keys.ts";
import {
  createReceiptKey,
  readReceiptKey,
  readRetiredKeys,
  type ReceiptKey,
  signBytes,
} from "./receipt-key.ts";
import {
  createFirstRootKey,
  firstRootKeyPath,
  readRootKeys,
  type RootKey,
  unwrapKey,
  wrapKey,
} from "./root-key.ts";

/** Keys in a directory of one machine. */
export type EmbeddedKeys = Keys & {
  /** True at the first start: show the operator `rootKeyPath`, so that a copy is laid aside. */
  readonly createdRoot: boolean;
  /** Path of the first root key; losing that file loses every document. */
  readonly rootKeyPath: string;
};

/**
 * Reads the keys of a directory, and creates them at the first start (mode 0600, durable before it resolves).
 * Throws a plain sentence when a file is damaged, readable by others, or when the root key is gone but its companion is not.
 * Keys added later (`npm run keys`) are seen at the next start.
 */
export async function createEmbeddedKeys({ directory }: { directory: string }): Promise<EmbeddedKeys> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const { roots, createdRoot } = await rootKeysOf(directory);
  const receiptKey = await receiptKeyOf(directory);
  const retired = await readRetiredKeys(directory);
  const former = retired.filter((key) => key.kid !== receiptKey.publicKey.kid);
  const newest = roots[0]!;
  return {
    createdRoot,
    rootKeyPath: firstRootKeyPath(directory),
    async generateDataKey(context) {
      const plaintext = randomBytes(32);
      return { plaintext, wrapped: wrapKey(newest, plaintext, context), rootKeyId: newest.keyId };
    },
    async openDataKey(wrapped, context) {
      return unwrapKey(roots, wrapped, context);
    },
    async sign(bytes) {
      return { signature: signBytes(receiptKey, bytes), kid: receiptKey.publicKey.kid };
    },
    async publicKeys() {
      return [receiptKey.publicKey, ...former];
    },
  };
}

async function rootKeysOf(directory: string): Promise<{ roots: RootKey[]; createdRoot: boolean }> {
  // In this order: another process may be creating both right now, the root key first.
  const receiptKey = await readReceiptKey(directory);
  const found = await readRootKeys(directory);
  if (found.length > 0) return { roots: found, createdRoot: false };
  if (receiptKey !== null) {
    // Then there was a root key once. A new one would open nothing.
    throw new Error(
      `${firstRootKeyPath(directory)} is missing: put the copy from safe-keeping in its place and start again`,
    );
  }
  const createdRoot = await createFirstRootKey(directory);
  return { roots: await readRootKeys(directory), createdRoot };
}

async function receiptKeyOf(directory: string): Promise<ReceiptKey> {
  const found = await readReceiptKey(directory);
  if (found !== null) return found;
  await createReceiptKey(directory);
  const created = await readReceiptKey(directory);
  if (created === null) throw new Error(`the receipt key in ${directory} vanished while it was created`);
  return created;
}
